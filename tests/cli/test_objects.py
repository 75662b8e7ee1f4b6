"""Lists from object stores, and results in them, by the real command and a store that keeps conditions."""

import gzip
import json
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest
from fakes.gateway import CUT, STATUS_PATH, Reply
from helpers.bucket import BUCKET, rclone
from helpers.command import Bench
from helpers.listening import listen
from helpers.sources import new_url, urls
from helpers.waiting import PATIENCE, wait_for

from seedvr_cli.objects.store import ObjectStore
from seedvr_cli.objects.trouble import StoreError

pytestmark = pytest.mark.slow


@pytest.fixture
def objects(store, monkeypatch):
    """A prefix of the test's own, as the library sees it."""
    from obstore.store import from_url

    for name, value in store.items():
        monkeypatch.setenv(name, value)
    return from_url(f"s3://{BUCKET}", client_options={"allow_http": True})


@pytest.fixture
def place():
    """A folder in the bucket that no other test has."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}/"


@pytest.fixture
def away(tmp_path):
    """Another machine."""
    (tmp_path / "away").mkdir()
    made = Bench(tmp_path / "away")
    yield made
    made.close()


def names(objects, place):
    import obstore

    prefix = place.removeprefix(f"s3://{BUCKET}/")
    return sorted(one["path"].removeprefix(prefix) for page in obstore.list(objects, prefix) for one in page)


def head(objects, place, name):
    import obstore

    return obstore.get(objects, place.removeprefix(f"s3://{BUCKET}/") + name)


FORMS = {
    "lines": lambda sources: "# a comment\n" + "\n".join(sources) + "\n",
    "jsonl": lambda sources: "".join(json.dumps({"source": one, "scale": 2}) + "\n" for one in sources),
    "csv": lambda sources: "source,scale\n" + "".join(f"{one},2\n" for one in sources),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_list_in_a_bucket(run, sandbox, objects, store, place, work, form, pack):
    """A list of any form, packed or not, is read from the store, checked whole, and its results go back there."""
    import obstore

    sources = urls(3)
    path = f"{place}list.{form}"
    obstore.put(objects, path.removeprefix(f"s3://{BUCKET}/"), pack(FORMS[form](sources).encode()))
    done = run("image", "--from", path, "-o", f"{place}out/", to=sandbox, env=store)
    assert done.rc == 0, done.stderr
    suffix = "upscaled" if form == "lines" else "2x"
    wanted = [f"picture-{number}-{suffix}.png" for number in range(3)]
    assert sorted(done.lines) == [f"{place}out/{name}" for name in wanted]
    assert names(objects, f"{place}out/") == wanted
    assert list(work.iterdir()) == []
    content = head(objects, f"{place}out/", wanted[0])
    assert bytes(content.bytes()).startswith(b"\x89PNG")
    assert content.attributes["Content-Type"] == "image/png"


def test_the_json_object_has_the_object(run, sandbox, objects, store, place):
    """The object's URL, bytes, digest and size stand in the JSON object."""
    import hashlib

    done = run("image", new_url("a.jpg"), "-o", f"{place}" + "{stem}/{index:03}{ext}", "--json", to=sandbox, env=store)
    (file,) = done.object["files"]
    content = bytes(head(objects, place, "a/001.png").bytes())
    assert file["path"] == f"{place}a/001.png"
    assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_result_that_stands_there_is_not_fetched_again(run, away, gateway, store, place, postgres_server, url):
    """The same command again, here or on another machine with the same ledger, fetches nothing and pays nothing."""
    gateway = gateway()
    env = {**store, "SEEDVR_LEDGER_URL": postgres_server.database()}
    first = run("image", url, "-o", place, to=gateway, env=env)
    assert first.rc == 0, first.stderr
    polls = len(gateway.polls())
    for machine in (run, away.run):
        done = machine("image", url, "-o", place, to=gateway, env=env)
        assert (done.rc, done.stdout) == (0, first.stdout), done.stderr
    assert (len(gateway.posts()), len(gateway.downloads()), len(gateway.polls())) == (1, 1, polls)
    assert run("download", to=gateway, env=env).stderr == "seedvr: nothing is waiting to be delivered\n"


def test_what_is_in_the_way_is_not_touched(run, sandbox, objects, store, place):
    """An object of somebody else's keeps its bytes: a default name gets a number, an explicit one is refused."""
    import obstore

    folder = place.removeprefix(f"s3://{BUCKET}/")
    obstore.put(objects, f"{folder}a-upscaled.png", b"mine")
    for number in (2, 3):
        done = run("image", new_url("a.jpg"), "-o", place, to=sandbox, env=store)
        assert done.lines == [f"{place}a-upscaled-{number}.png"], done.stderr
    source = new_url()
    refused = run("image", source, "-o", f"{place}a-upscaled.png", to=sandbox, env=store)
    assert (refused.rc, sandbox.accepted(source)) == (2, 0)
    assert "in the way" in refused.stderr
    assert bytes(head(objects, place, "a-upscaled.png").bytes()) == b"mine"
    done = run("image", source, "-o", f"{place}a-upscaled.png", "--overwrite", to=sandbox, env=store)
    assert done.rc == 0, done.stderr
    assert bytes(head(objects, place, "a-upscaled.png").bytes()) != b"mine"


def test_names_that_are_equal_get_numbers(run, sandbox, objects, store, place):
    """Sources of one name in one run become objects of different names, and the same command again finds them all."""
    sources = [new_url("same.jpg") for _ in range(6)]
    for _ in range(2):
        done = run("image", *sources, "-o", place, to=sandbox, env=store)
        assert (done.rc, len(set(done.lines))) == (0, 6), done.stderr
    assert len(names(objects, place)) == 6


def test_what_stands_in_a_bucket_is_not_said_to_be_lost(run, gateway, store, place, url):
    """Where the media URL has expired, the line says where the result was put, and not that it must be paid again."""
    gone = []
    gateway = gateway(lambda heard: Reply(403, b"") if gone and heard.path.startswith("/media/") else None)
    (path,) = run("image", url, "-o", place, to=gateway, env=store).lines
    gone.append(True)
    done = run("image", url, "-o", "here/", to=gateway, env=store)
    assert (done.rc, len(gateway.posts())) == (1, 1)
    assert f"was put at {path}" in done.stderr
    assert "--new" not in done.stderr


def test_a_list_that_a_store_stops_giving_ends_after_what_is_under_way(run, gateway, objects, store, place):
    """What was submitted is waited for, delivered and told; then the store's words are the error, and code 5."""
    import obstore

    gateway = gateway()
    padding = "# a line that says nothing\n" * 400_000
    name = f"{place.removeprefix(f's3://{BUCKET}/')}list.txt"
    obstore.put(objects, name, ("\n".join(urls(3)) + "\n" + padding + "".join(urls(1))).encode())
    broken = (
        "from seedvr_cli.objects.streams import Reader\n"
        "from seedvr_cli.run.engine import Engine\n"
        "real, start, begun = Reader.readinto, Engine._start, []\n"
        "def begin(self, one):\n    begun.append(one)\n    return start(self, one)\n"
        "Engine._start = begin\n"
        "def readinto(self, buffer):\n"
        "    if begun: raise OSError('s3://bucket: 503 Slow Down')\n"
        "    return real(self, buffer)\n"
        "Reader.readinto = readinto\n"
    )
    done = run("image", "--from", f"{place}list.txt", "-o", "out/", "-j", "2", to=gateway, env=store, inject=broken)
    assert (done.rc, len(done.lines), len(gateway.posts())) == (5, 3, 3), done.stderr
    assert "503 Slow Down" in done.stderr


def test_results_of_a_run_leave_each_other_alone_under_overwrite(run, gateway, objects, store, place, tmp_path):
    """--overwrite replaces what was there before the run, and no other result of it, be it made or found."""
    gateway = gateway()
    key = uuid.uuid4().hex
    sources = [f"https://example.com/{number}/{key}/same.jpg" for number in range(24)]
    words = ("-o", place, "--overwrite", "--json", "-j", "2")
    done = run("image", *sources[:8], *words, to=gateway, env=store)
    assert (done.rc, len(names(objects, place))) == (0, 8)
    done = run("image", *sources, *words, to=gateway, env=store)
    assert done.rc == 0, done.stderr
    paths = [file["path"] for one in done.objects for file in one["files"]]
    assert len(paths) == len(set(paths)) == len(names(objects, place)) == len(gateway.posts()) == 24


@pytest.mark.parametrize("name", ["10.00.00%E2%80%AFAM.png", "a%C2%A0b.png", "a%E3%80%80b.png", "a%EF%A3%BFb.png"])
def test_names_of_every_script_and_space_are_taken(run, sandbox, objects, store, place, name):
    """What is a name on a disk is one in a store, such as that of a picture of macOS's screen."""
    done = run("image", f"https://example.com/{uuid.uuid4().hex}/{name}", "-o", place, to=sandbox, env=store)
    assert done.rc == 0, done.stderr
    assert names(objects, place) == [f"{unquote(name).removesuffix('.png')}-upscaled.png"]


def test_a_name_that_anothers_upload_has_costs_nothing(run, gateway, objects, store, place):
    """An explicit name whose NAME.part a killed run of another job has left is refused before anything is paid."""
    import obstore

    gateway = gateway()
    obstore.put(objects, f"{place.removeprefix(f's3://{BUCKET}/')}clip.png.part", b"")
    done = run("image", new_url(), "-o", f"{place}clip.png", to=gateway, env=store)
    assert (done.rc, gateway.posts()) == (2, [])
    assert "clip.png.part is in the way" in done.stderr


def test_a_job_that_names_fewer_media_later_has_them_still(run, gateway, store, place, url):
    """A later answer with fewer URLs takes no delivered file away."""
    two = [True]

    def script(heard):
        if STATUS_PATH in heard.path and two[0]:
            media = f"{gateway.url}/media/{heard.request_id}/output.png"
            return gateway.view(heard, output={"media_url": [media, f"{media}?2"], "media_type": "image/png"})
        return None

    gateway = gateway(script)
    words = ("image", url, "-o", place)
    assert len(run(*words, to=gateway, env=store).lines) == 2
    two[0] = False
    assert run("status", "fake_1", to=gateway, env=store).rc == 0
    done = run(*words, to=gateway, env=store)
    assert (done.rc, "unforeseen" in done.stderr, len(gateway.posts())) == (0, False, 1), done.stderr


def test_a_bucket_that_cannot_be_used_costs_nothing(run, sandbox, store, place, url):
    """No bucket, no store, a list that is not there and wrong words are found before anything is paid."""
    cases = [
        (("-o", "s3://no-such-bucket/x/"), store, "no-such-bucket"),
        (("-o", place), {**store, "AWS_ENDPOINT_URL": "http://s3.example:9000"}, "in the clear"),
        (("-o", place), {**store, "AWS_PROFILE": "nobody", "HOME": "/nowhere"}, "there is no profile 'nobody'"),
        (("-o", "s3:///x/"), store, "names no bucket"),
        (("-o", f"{place}../x/"), store, "a part of its path"),
        (("-o", f"{place}/x/"), store, "a part of its path"),
    ]
    for words, env, part in cases:
        done = run("image", url, *words, to=sandbox, env=env)
        assert (done.rc, done.stdout) == (2, ""), (words, done.stderr)
        assert part in done.stderr
        assert len(done.stderr.splitlines()) == 1
    for path in (f"s3://{BUCKET}", place):
        assert run("image", "--from", path, to=sandbox, env=store).rc == 2
    missing = run("image", "--from", f"{place}none.txt", to=sandbox, env=store)
    assert missing.rc == 2
    assert f"--from {place}none.txt" in missing.stderr
    assert sandbox.accepted(url) == 0


def test_without_the_extra_one_line_names_it(run, sandbox, place, url):
    """Where the library is not installed, one line says what to install, for results and for lists."""
    for words in ((url, "-o", place), ("--from", f"{place}list")):
        done = run("image", *words, to=sandbox, inject="import sys\nsys.modules['obstore'] = None\n")
        assert done.rc == 2
        assert "pip install 'seedvr-cli[bucket]'" in done.stderr
    assert sandbox.accepted(url) == 0


def test_dry_run_asks_no_store(run, place, url):
    """--dry-run needs no network, and so asks no store."""
    done = run("image", url, "-o", place, "--dry-run", env={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert done.rc == 0, done.stderr


def test_a_large_result_goes_in_pieces(run, gateway, objects, store, place, url, home):
    """A result of more than one piece is put there whole, from a disk that keeps nothing of it; a break is resumed."""
    import hashlib

    gateway = gateway()
    picture = gateway.picture + bytes(70 << 20)  # what follows the end of a PNG does not matter
    cuts = iter([40 << 20])

    def script(heard):
        if not heard.path.startswith("/media/"):
            return None
        headers = {"ETag": '"one"', "Content-Type": "image/png"}
        start = int(heard.headers.get("range", "bytes=0-")[6:-1])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(picture) - 1}/{len(picture)}"
        return Reply(206 if start else 200, picture[start:], headers, cut_after=next(cuts, None))

    gateway.script = script
    done = run("image", url, "-o", place, "--json", to=gateway, env=store)
    assert done.rc == 0, done.stderr
    (file,) = done.object["files"]
    assert file["sha256"] == hashlib.sha256(picture).hexdigest()
    content = head(objects, place, "photo-upscaled.png")
    assert hashlib.sha256(bytes(content.bytes())).hexdigest() == file["sha256"]
    assert content.attributes["Content-Type"] == "image/png"
    assert len(gateway.downloads()) == 2
    assert list((home / "state" / "spool").iterdir()) == []


LARGE = 40 << 20


def large(gateway, heard):
    """The result of a source, larger than what is made in one request; each source's own."""
    return Reply(200, gateway.picture + (heard.source or "").encode().ljust(LARGE, b"\0"))


def test_large_results_of_equal_names_leave_each_other_alone(run, start, away, gateway, objects, store, place):
    """Of two machines that send large results under one name at the same time, each has an object of its own."""
    gateway = gateway()
    together = threading.Barrier(2)
    sources = [f"https://example.com/{number}/photo.png" for number in range(2)]

    def script(heard):
        if not heard.path.startswith("/media/"):
            return None
        together.wait(PATIENCE)
        return large(gateway, heard)

    gateway.script = script
    processes = [
        begin("image", source, "-o", place, to=gateway, env=store)
        for begin, source in zip((start, away.start), sources, strict=True)
    ]
    printed = []
    for process in processes:
        out, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors.decode()
        printed += out.decode().split()
    assert names(objects, place) == sorted(path.removeprefix(place) for path in printed)
    contents = [bytes(head(objects, place, path.removeprefix(place)).bytes()) for path in printed]
    assert [source.encode() in content for source, content in zip(sources, contents, strict=True)] == [True, True]


def test_a_large_result_whose_machine_died_is_sent_again(run, start, gateway, objects, store, place, url):
    """What a killed run has reserved is its job's own, and is gone when the result stands there."""
    import obstore

    gateway = gateway(lambda heard: large(gateway, heard) if heard.path.startswith("/media/") else None)
    part = place.removeprefix(f"s3://{BUCKET}/") + "photo-upscaled.png.part"
    process = start("image", url, "-o", place, to=gateway, env=store)
    try:
        wait_for(lambda: "photo-upscaled.png.part" in names(objects, place) or process.poll() is not None)
        label = obstore.get(objects, part).attributes
    finally:
        process.kill()
        process.wait()
    obstore.put(objects, part, b"", attributes=label)  # as it stands where it was killed earlier
    obstore.delete(objects, part.removesuffix(".part"))
    assert run("image", url, "-o", place, to=gateway, env=store).rc == 0
    assert names(objects, place) == ["photo-upscaled.png"]


def test_who_may_not_delete_delivers_large_results_too(store, monkeypatch, tmp_path):
    """A store that lets objects be made and not be deleted has the result, and it counts as made."""

    def refuse(*_):
        raise StoreError("refuses access (403)")

    for name, value in store.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ObjectStore, "delete", refuse)
    (tmp_path / "large").write_bytes(bytes(LARGE))
    objects, path = ObjectStore(f"s3://{BUCKET}"), f"{uuid.uuid4().hex}/large.png"
    assert objects.put(path, str(tmp_path / "large"), media_type="image/png", label="mine", overwrite=False)
    assert objects.facts(path).size == LARGE


def test_numbered_results_are_known_on_other_machines(run, away, gateway, store, place, postgres_server):
    """What stands there under the next number of a name is not fetched again either, whatever the order."""
    gateway = gateway()
    board = {**store, "SEEDVR_LEDGER_URL": postgres_server.database()}
    sources = [f"https://example.com/{number}/photo.png" for number in range(3)]
    assert len(run("image", *sources, "-j", "1", "-o", place, to=gateway, env=board).lines) == 3
    before = len(gateway.downloads())
    again = away.run("image", *reversed(sources), "-j", "1", "-o", place, to=gateway, env=board)
    assert (again.rc, sorted(again.lines), len(gateway.downloads())) == (
        0, sorted(f"{place}photo-upscaled{number}.png" for number in ("", "-2", "-3")), before,
    )  # fmt: skip


def test_a_silent_store_is_not_waited_for_beyond_the_timeout(run, sandbox, store, place, url, home):
    """--timeout bounds what is sent there as well; the same command goes on, and nothing is left on the disk."""
    silent = (
        "import threading\nfrom seedvr_cli.objects.store import ObjectStore\n"
        "ObjectStore.put = lambda *_, **__: threading.Event().wait()\n"
    )
    done = run("image", url, "-o", place, "--timeout", "1s", to=sandbox, env=store, inject=silent)
    assert done.rc == 6, done.stderr
    assert "the store takes hardly a byte" in done.stderr
    assert list((home / "state" / "spool").iterdir()) == []
    assert run("image", url, "-o", place, to=sandbox, env=store).rc == 0
    assert sandbox.accepted(url) == 1


def test_what_a_killed_run_left_on_the_disk_goes(run, sandbox, store, place, url, home):
    """A result that was on its way when its run was killed is cleared away after a day, by whatever run comes then."""
    spool = home / "state" / "spool"
    spool.mkdir(parents=True)
    for name in ("old", "new"):
        (spool / name).touch()
    os.utime(spool / "old", (0, 0))
    assert run("image", url, "-o", place, to=sandbox, env=store).rc == 0
    assert [path.name for path in spool.iterdir()] == ["new"]


def test_machines_may_try_a_store_at_the_same_time(store, monkeypatch):
    """That objects can be made in a folder is tried under a name of its own by each."""
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    objects = [ObjectStore(f"s3://{BUCKET}") for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            assert list(threads.map(lambda one: one.probe("tried/together"), objects)) == [None] * 4
    assert objects[0].names("tried/together") == []


def test_a_killed_delivery_is_made_by_the_next(run, gateway, objects, store, place, url):
    """A result whose transfer never ends is delivered by the next command, and paid for once."""
    gateway = gateway()
    broken = True
    gateway.script = lambda heard: CUT if broken and heard.path.startswith("/media/") else None
    assert run("image", url, "-o", place, to=gateway, env=store).rc == 1
    broken = False
    assert run("download", to=gateway, env=store).lines == [f"{place}photo-upscaled.png"]
    assert names(objects, place) == ["photo-upscaled.png"]
    assert len(gateway.posts()) == 1


def test_keys_of_the_shared_files(run, sandbox, store, place, home, url):
    """Keys, region and endpoint of AWS_PROFILE are read from the files that Amazon's own tools write."""
    folder = home / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text("[work]\naws_access_key_id = test\naws_secret_access_key = test\n")
    (folder / "config").write_text(f"[profile work]\nregion = us-east-1\nendpoint_url = {store['AWS_ENDPOINT_URL']}\n")
    done = run("image", url, "-o", place, to=sandbox, env={"AWS_PROFILE": "work"})
    assert done.rc == 0, done.stderr


def test_a_store_that_ignores_conditions_is_refused(run, sandbox, url, tmp_path):
    """Where results would go over what is there, nothing is paid."""
    with rclone(tmp_path / "rclone") as environment:
        done = run("image", url, "-o", f"s3://{BUCKET}/out/", to=sandbox, env=environment)
    assert (done.rc, sandbox.accepted(url)) == (2, 0)
    assert "results would go over what is there" in done.stderr


def test_a_listener_delivers_there(run, start, sandbox_server, objects, store, place):
    """`listen -o s3://...` puts the results of what it is called about into the store, under the template's names."""
    server = sandbox_server("--instant", "--latency", "0.2s")
    listener = listen(start, server, "-o", f"{place}" + "{request_id}{ext}", "--once", 2, env=store)
    words = ("--no-wait", "--callback", "--public-url", listener.url)
    submitted = run("image", *urls(2), *words, to=server)
    done = listener.end()
    assert (done.rc, sorted(done.lines)) == (0, sorted(f"{place}{one}.png" for one in submitted.lines)), done.stderr
    assert len(names(objects, place)) == 2
