"""Ray Data as it is installed, an actor of which is killed in the middle."""

import shutil
from pathlib import Path

import pytest
from helpers.recipes import needs

pytestmark = pytest.mark.slow

# A cluster of this machine. Its sockets need a short path, which goes after Ray has ended.
INIT = """
import atexit, shutil, tempfile
folder = tempfile.mkdtemp(prefix="ray-")
atexit.register(shutil.rmtree, folder, ignore_errors=True)
import ray
ray.init(num_cpus=2, include_dashboard=False, _temp_dir=folder)
ray.data.DataContext.get_current().enable_progress_bars = False
"""


def test_an_actor_that_is_killed_pays_for_nothing_twice(place):
    """Batches that are run again attach to what their dead actor has paid for; the same by other batches is free."""
    needs("ray")
    place.run("ray_data.py", before=INIT, kill=True)
    rows = read(place.data / "rows")
    assert sorted(row["number"] for row in rows) == list(range(len(place.sources)))
    assert all(row["source"] == place.sources[row["number"]] for row in rows)
    assert {row["error_code"] for row in rows} <= {None, "unknown_outcome"}
    unknown = {row["source"] for row in rows if row["error_code"]}
    counts = place.server.by_source()
    assert set(counts.values()) == {1}
    assert set(place.sources) - unknown <= set(counts)
    shutil.rmtree(place.data / "rows")
    place.run("ray_data.py", before=INIT, pyarrow="pandas" if "HOMES" in place.environment else "numpy")
    assert place.server.by_source() == counts
    ended = {row["source"]: row["charge"] for file in (place.data / "rows").iterdir() for row in read(file)}
    assert ended == {row["source"]: row["charge"] for row in rows}


def read(path: Path) -> list[dict]:
    """The rows of a file, or of all files of a folder together."""
    from pyarrow import parquet

    return parquet.read_table(path).to_pylist()
