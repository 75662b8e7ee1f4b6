"""Dask as it is installed, a worker of which is killed in the middle."""

import pytest
from helpers.recipes import needs

pytestmark = pytest.mark.slow


def test_a_dask_worker_that_is_killed_pays_for_nothing_twice(place):
    """Partitions that are run again attach to what their dead worker has paid for, and the same again costs nothing."""
    needs("distributed")
    said = place.run("dask_bag.py", kill=True)
    ended = dict(line.split()[:2] for line in said.splitlines() if line.startswith("https://"))
    assert sorted(ended) == sorted(place.sources)
    assert set(ended.values()) <= {"listed", "unknown"}, said
    unknown = {source for source, charge in ended.items() if charge == "unknown"}
    counts = place.server.by_source()
    assert set(counts.values()) == {1}
    assert set(place.sources) - unknown <= set(counts)
    place.run("dask_bag.py")
    assert place.server.by_source() == counts
