"""Objects that take their time."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes.sink import sink
from helpers.bucket import BUCKET
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


@pytest.fixture
def large(store, tmp_path, monkeypatch):
    """A store that keeps conditions, and a file that goes there in pieces."""
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "large.png"
    with file.open("wb") as stream:
        stream.truncate(ONE_PIECE + 1)
    return ObjectStore(f"s3://{BUCKET}"), str(file)


def test_a_name_that_is_taken_while_a_large_result_is_sent_is_left_alone(large, monkeypatch):
    """Who was faster keeps the name, and nothing is said to be wrong."""
    store, file = large
    path, facts = f"{uuid.uuid4().hex}.png", ObjectStore.facts

    def taken(self, name):
        if threading.current_thread() is not threading.main_thread():
            self.put_empty(name)
        return facts(self, name)

    monkeypatch.setattr(ObjectStore, "facts", taken)
    assert store.put(path, file, media_type="image/png", label="ours", overwrite=False) is False
    assert store.facts(path).size == 0


def test_a_last_look_that_fails_says_why(large, monkeypatch):
    """Where it cannot be seen that the name is free, the store's own words are the error, and nothing is made."""
    store, file = large
    path, facts = f"{uuid.uuid4().hex}.png", ObjectStore.facts

    def away(self, name):
        if threading.current_thread() is not threading.main_thread():
            raise StoreError("s3://bucket: 503 Slow Down")
        return facts(self, name)

    monkeypatch.setattr(ObjectStore, "facts", away)
    with pytest.raises(StoreError, match="503 Slow Down"):
        store.put(path, file, media_type="image/png", label="ours", overwrite=False)
    assert store.facts(path) is None


def test_keys_that_may_not_see_what_is_missing_are_refused_at_once(monkeypatch):
    """Without the right to list, a store answers 403 for what is not there: nobody could look for a result of his."""
    store = ObjectStore.__new__(ObjectStore)
    store._root = "s3://bucket"
    for name in ("put_empty", "delete", "_call"):
        monkeypatch.setattr(store, name, lambda *_: None)

    def refused(_):
        raise StoreError("s3://bucket refuses access (403): look at the keys", is_lasting=True)

    monkeypatch.setattr(store, "facts", refused)
    with pytest.raises(StoreError, match="s3:ListBucket") as told:
        store.probe("folder")
    assert told.value.is_lasting
