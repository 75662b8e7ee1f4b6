"""An object that two jobs need, one of which ends while the other begins."""

import asyncio
import hashlib
import threading
from types import SimpleNamespace

import pytest
from fakes.media import picture
from helpers.waiting import PATIENCE

from seedvr_cli.uploads import upload
from seedvr_cli.uploads.upload import Uploads
from seedvr_cli.values.request import Source
from seedvr_cli.values.target import Target


class Bucket:
    """A store in memory; `before_delete` is called with the path of what is about to be deleted."""

    def __init__(self):
        self.objects = {}
        self.before_delete = lambda path: None

    def facts(self, path):
        return SimpleNamespace(size=len(self.objects[path])) if path in self.objects else None

    def put_empty(self, path):
        self.objects[path] = b""

    def put_named(self, path, file, *, media_type, watch):
        with open(file, "rb") as stream:
            self.objects[path] = stream.read()

    def names(self, folder):
        return [path for path in self.objects if path.startswith(f"{folder}/")]

    def has_any(self, folder):
        return bool(self.names(folder))

    def delete(self, path):
        self.before_delete(path)
        self.objects.pop(path, None)


@pytest.fixture
def bucket(monkeypatch):
    made = Bucket()
    monkeypatch.setattr(upload, "ObjectStore", lambda *_, **__: made)
    monkeypatch.setattr(upload, "LEAVING_PAUSE", 0.01)
    return made


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(picture(1, (8, 8), "PNG"))
    identity = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    return Source(text=str(file), url=file.as_uri(), identity=identity, name="a", path=str(file))


def ignore(*_):
    pass


def test_a_job_that_begins_while_another_lets_go_has_its_object(bucket, source, tmp_path):
    """What it has found there is not deleted under it: it waits for that, and sends the file again."""
    target = Target(url="s3://bucket/in")
    one, two = Uploads(target, str(tmp_path / "one")), Uploads(target, str(tmp_path / "two"))
    name = f"in/{source.identity.removeprefix('sha256:')}.png"

    async def work():
        loop, begun = asyncio.get_running_loop(), []
        await one.bring(source, "first", ignore)

        def begin_another(path):
            if path == name and not begun:
                seen = threading.Event()
                begun.append(asyncio.run_coroutine_threadsafe(two.bring(source, "second", ignore), loop))
                begun[0].add_done_callback(lambda _: seen.set())
                for name_of, call in (("facts", bucket.facts), ("names", bucket.names)):
                    setattr(bucket, name_of, lambda path, call=call: (call(path), seen.set())[0])
                assert seen.wait(PATIENCE)

        bucket.before_delete = begin_another
        await one.let_go(source, "first", None)
        await asyncio.wrap_future(begun[0])

    asyncio.run(work())
    assert bucket.objects[name] == (tmp_path / "a.png").read_bytes()
    assert not [path for path in bucket.objects if ".leaving" in path]


def test_a_deletion_that_never_happens_is_not_waited_for(bucket, source, tmp_path, monkeypatch):
    """Who announced it may have been killed: after a while its word counts for nothing."""
    monkeypatch.setattr(upload, "LEAVING_SECONDS", 0.0)
    name = f"in/{source.identity.removeprefix('sha256:')}.png"
    bucket.objects[f"{name}.leaving/one"] = b""
    asyncio.run(Uploads(Target(url="s3://bucket/in"), str(tmp_path / "one")).bring(source, "first", ignore))
    assert name in bucket.objects
    assert f"{name}.leaving/one" not in bucket.objects
