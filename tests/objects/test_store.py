"""Objects that take their time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes.sink import sink
from helpers.waiting import PATIENCE, wait_for

from seedvr_cli.objects.store import ONE_PIECE, PIECE, ObjectStore
from seedvr_cli.objects.trouble import StoreError


@pytest.mark.parametrize(
    ("size", "overwrite"),
    [(PIECE, True), (ONE_PIECE, False), (PIECE + 1, True)],
    ids=["a source", "a result", "in pieces"],
)
def test_what_is_large_has_the_time_of_a_slow_line(size, overwrite, tmp_path, monkeypatch):
    """An object is made however long its bytes take, while a store that does not answer at all is given up."""
    monkeypatch.setattr("seedvr_cli.objects.opening.SECONDS", 0.1)
    monkeypatch.setattr("seedvr_cli.objects.opening.SLOWEST", 1_000)
    monkeypatch.setattr("seedvr_cli.objects.opening._RETRIES", {"max_retries": 0})
    file = tmp_path / "large.png"
    with file.open("wb") as stream:
        stream.truncate(size)
    with sink() as server, ThreadPoolExecutor(1) as pool:
        for name, value in {"ENDPOINT_URL": server.url, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        store = ObjectStore("s3://bucket")
        server.answers.clear()
        made = pool.submit(store.put, "large", str(file), media_type="image/png", label="", overwrite=overwrite)
        wait_for(lambda: server.asked)
        with pytest.raises(StoreError):
            store.put_empty("small")
        assert not made.done()
        server.answers.set()
        assert made.result(PATIENCE)
