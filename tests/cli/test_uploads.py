"""Files of this machine on their way to the gateway: real object stores, one of which checks signatures."""

import hashlib
import os
import signal
import urllib.error
import urllib.request
from io import BytesIO

import pytest
from fakes.gateway import STATUS_PATH, Reply
from fakes.sink import sink
from helpers.bucket import BUCKET, moto, rclone
from helpers.command import Bench
from helpers.waiting import PATIENCE, wait_for, wait_for_end
from PIL import Image

pytestmark = pytest.mark.slow

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def picture(path, seed=0):
    """A picture that no other test has."""
    Image.effect_noise((40 + seed, 30), 90).save(path)
    return path


def read(url):
    """What stands behind a URL, for somebody without any key."""
    try:
        with _DIRECT.open(url, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.code


class Reading:
    """A gateway that reads what it is given, as the hosted one does."""

    def __init__(self, made):
        self.made = made
        self.read = []
        made.script = self._answer

    def _answer(self, heard):
        if heard.method == "POST":
            self.read.append(read(heard.json["image_url"]))


@pytest.fixture
def reader(gateway):
    """Such a gateway, and what it has read."""
    made = gateway()
    return made, Reading(made)


@pytest.fixture(scope="module", params=["rclone", "moto"])
def store(request, tmp_path_factory):
    """The environment that leads to an object store; rclone checks signatures."""
    if request.param == "moto":
        with moto() as environment:
            yield environment
    else:
        with rclone(tmp_path_factory.mktemp("rclone")) as environment:
            yield environment


@pytest.fixture
def place(home):
    """Says where files go, and gives the folder."""
    folder = f"s3://{BUCKET}/{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(f'[default]\nupload = "{folder}"\n')
    return folder


def names(store, folder, monkeypatch):
    import obstore
    from obstore.store import from_url

    for name, value in store.items():
        monkeypatch.setenv(name, value)
    opened = from_url(folder, client_options={"allow_http": True})
    return sorted(one["path"] for page in obstore.list(opened) for one in page)


def test_a_file_is_uploaded_read_and_deleted(run, reader, store, place, work, monkeypatch):
    """The gateway reads the file's bytes at a signed address, and when the job is done nothing of it is left there."""
    gateway, reading = reader
    path = picture(work / "photo.png")
    done = run("image", "photo.png", to=gateway, env=store)
    assert (done.rc, done.lines) == (0, ["photo-upscaled.png"]), done.stderr
    assert reading.read == [path.read_bytes()]
    address = gateway.posts()[0].json["image_url"]
    assert f"{hashlib.sha256(path.read_bytes()).hexdigest()}.png?" in address
    assert "X-Amz-Signature=" in address
    assert "X-Amz" not in done.stderr
    assert names(store, place, monkeypatch) == []
    assert read(address) == 404


def test_the_same_file_is_one_job_wherever_it_lies(run, reader, store, place, work):
    """A file that was moved, or lies there twice, is not paid for again: what is in it counts."""
    gateway, reading = reader
    path = picture(work / "a.png")
    assert run("image", "a.png", to=gateway, env=store).rc == 0
    (work / "other").mkdir()
    path.rename(work / "other" / "b.png")
    done = run("image", "other/b.png", "--json", to=gateway, env=store)
    assert (done.rc, done.object["resumed"]) == (0, True), done.stderr
    assert len(reading.read) == 1


def test_keep_upload_leaves_it_and_nobody_sends_it_again(run, reader, store, place, work, tmp_path, monkeypatch):
    """With --keep-upload the object stays, under the name that its content gives it, for other machines as well."""
    gateway, reading = reader
    picture(work / "a.png")
    assert run("image", "a.png", "--keep-upload", to=gateway, env=store).rc == 0
    name, mark = names(store, place, monkeypatch)
    assert name.endswith(".png")
    assert mark == f"{name}.users/kept"
    (tmp_path / "away").mkdir()
    away = Bench(tmp_path / "away")
    away.configure(f'[default]\nupload = "{place}"\n')
    (away.work / "c.png").write_bytes((work / "a.png").read_bytes())
    assert away.run("image", "c.png", "-x", "3", to=gateway, env=store).rc == 0
    assert len(reading.read) == 2
    assert names(store, place, monkeypatch) == [name, mark]  # nor does anybody delete it


def test_a_folder_goes_there(run, reader, store, place, work):
    """A folder's pictures are all sent and delivered, and a second run has nothing to do."""
    gateway, reading = reader
    (work / "in").mkdir()
    for number in range(6):
        picture(work / "in" / f"{number}.png", number)
    done = run("image", "in/", "-o", "out/", to=gateway, env=store)
    assert (done.rc, len(done.lines)) == (0, 6), done.stderr
    assert sorted(reading.read) == sorted(path.read_bytes() for path in (work / "in").iterdir())
    again = run("image", "in/", "-o", "out/", to=gateway, env=store)
    assert (again.rc, len(again.lines), len(reading.read)) == (0, 6, 6)


def test_an_object_of_ones_own_is_signed_and_not_sent(run, reader, store, home, monkeypatch):
    """A private object as the source gets an address, without any setting, and stays where it is."""
    import obstore
    from obstore.store import from_url

    gateway, reading = reader
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    content = BytesIO()
    Image.new("RGB", (9, 9), "teal").save(content, "PNG")
    opened = from_url(f"s3://{BUCKET}", client_options={"allow_http": True})
    obstore.put(opened, "mine/own photo.png", content.getvalue())
    source = f"s3://{BUCKET}/mine/own photo.png"
    done = run("image", source, "--json", to=gateway, env=store)
    assert (done.rc, done.object["source"]) == (0, source), done.stderr
    assert reading.read == [content.getvalue()]
    assert done.object["files"][0]["path"] == "own photo-upscaled.png"
    assert "mine/own photo.png" in names(store, f"s3://{BUCKET}", monkeypatch)
    kept = run("image", source, "--keep-metadata", "--new", to=gateway, env=store)
    assert (kept.rc, kept.stderr.count("a source in an object store is not fetched for it")) == (0, 1), kept.stderr


def test_an_object_is_looked_at_too(run, reader, store, monkeypatch, request):
    """With --check what an object is, that it is not there, and wrong keys are known before anything is submitted."""
    import obstore
    from obstore.store import from_url

    gateway, _ = reader
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    opened = from_url(f"s3://{BUCKET}", client_options={"allow_http": True})
    content = BytesIO()
    Image.new("RGB", (9, 9), "teal").save(content, "PNG")
    obstore.put(opened, "look/photo.png", content.getvalue())
    obstore.put(opened, "look/text.png", b"no picture")
    for name, keys, says in (
        ("text.png", {}, "it is no image"),
        ("none.png", {}, "HTTP 404"),
        ("photo.png", {"AWS_PROFILE": "nobody"}, "nobody"),
    ):
        done = run("image", f"s3://{BUCKET}/look/{name}", "--check", to=gateway, env={**store, **keys})
        assert (done.rc, says in done.stderr, len(done.stderr.splitlines())) == (1, True, 1), done.stderr
    assert gateway.posts() == []
    if "rclone" in request.node.name:  # moto looks at no signature
        wrong = {**store, "AWS_SECRET_ACCESS_KEY": "wrong"}
        done = run("image", f"s3://{BUCKET}/look/photo.png", "--check", to=gateway, env=wrong)
        assert (done.rc, "refuses access (HTTP 403)" in done.stderr) == (1, True), done.stderr
    assert run("image", f"s3://{BUCKET}/look/photo.png", "--check", to=gateway, env=store).rc == 0


def test_an_address_is_made_anew_when_a_submission_comes_late(run, gateway, store, place, work):
    """A gateway that asks for a pause gets an address whose time begins when it is sent."""
    gateway = gateway()
    posts = []

    def script(heard):
        if heard.method != "POST":
            return None
        posts.append(heard.json["image_url"])
        return Reply(429, b"", {"Retry-After": "2"}) if len(posts) == 1 else None

    gateway.script = script
    picture(work / "a.png")
    assert run("image", "a.png", to=gateway, env=store).rc == 0
    first, second = posts
    assert first.partition("?")[0] == second.partition("?")[0]
    assert first != second


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "403"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "127.0.0.1:1"),
    ],
)
def test_a_store_that_refuses_costs_nothing(run, gateway, tmp_path, home, work, more, part):
    """Wrong keys and a store that is away are one line, nothing is submitted, and no secret is shown."""
    gateway = gateway()
    picture(work / "a.png")
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(f'[default]\nupload = "s3://{BUCKET}/x"\n')
    fast = "import seedvr_cli.objects.opening as opening\nopening._RETRIES = {'max_retries': 0}\n"
    with rclone(tmp_path / "rclone") as environment:
        done = run("image", "a.png", to=gateway, env={**environment, **more}, inject=fast)
    assert (done.rc, gateway.posts()) == (1, []), done.stderr
    assert part in done.stderr
    assert "wrong" not in done.stderr


def test_a_command_of_ones_own(run, reader, home, work):
    """Any program that prints a URL will do: it gets the path, and the last line that it prints counts."""
    gateway, _ = reader
    path = picture(work / "a b.png")
    (home / "config").mkdir()
    script = work / "send"
    script.write_text(f'#!/bin/sh\necho sending >&2\necho hello\ncp "$1" "{home}/sent"\necho "{gateway.url}/media/x"\n')
    script.chmod(0o755)
    (home / "config" / "config.toml").write_text(f"[default]\nupload-command = '{script} {{path}}'\n")
    done = run("image", "a b.png", to=gateway)
    assert done.rc == 0, done.stderr
    assert (home / "sent").read_bytes() == path.read_bytes()
    assert gateway.posts()[0].json["image_url"] == f"{gateway.url}/media/x"
    for text, part in [("exit 3", "ended with 3"), ("echo nothing", "printed no https URL"), ("true", "printed no")]:
        script.write_text(f"#!/bin/sh\n{text}\n")
        picture(work / "c.png", 7)
        failed = run("image", "c.png", to=gateway)
        assert (failed.rc, len(gateway.posts())) == (1, 1), failed.stderr
        assert part in failed.stderr


def test_a_file_that_changes_before_its_turn_is_not_sent_by_a_command(run, reader, home, work):
    """A command is not given what the job is not of, and what changes while it is sent is not submitted."""
    gateway, _ = reader
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(f"[default]\nupload-command = '{work / 'send'} {{path}}'\n")
    for begin in ("printf x >>b.png", 'printf x >>"$1"'):  # the next one, and itself
        (work / "send").write_text(f'#!/bin/sh\n{begin}\necho "{gateway.url}/media/$(basename "$1")"\n')
        (work / "send").chmod(0o755)
        picture(work / "a.png", 1), picture(work / "b.png", 2)
        done = run("image", "a.png", "b.png", "-j", "1", to=gateway)
        assert (done.rc, "b.png has changed" in done.stderr) == (1, True), done.stderr
    assert [heard.json["image_url"] for heard in gateway.posts()] == [f"{gateway.url}/media/a.png"]


def test_without_a_way_one_line_says_what_to_set(run, work):
    """Against the hosted gateway a local file needs a way, and the line says which there are."""
    picture(work / "a.png")
    done = run("image", "a.png", "--dry-run")
    assert done.rc == 2
    assert "config set upload s3://BUCKET/PREFIX" in done.stderr
    assert "upload-command" in done.stderr


def test_the_sandbox_reads_the_file_itself(run, home, work):
    """With --sandbox nothing is uploaded, whatever is set."""
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text("[default]\nupload-command = 'no-such-program {path}'\n")
    picture(work / "a.png")
    assert run("image", "a.png", "--sandbox").rc == 0


def test_a_large_file_is_sent_in_pieces_and_told(run, gateway, store, place, work):
    """A file of many pieces arrives whole, and how far it is is told."""
    gateway = gateway()
    path = picture(work / "large.png")
    with path.open("ab") as file:
        file.truncate(40 << 20)
    got = []
    gateway.script = lambda heard: (
        got.append(hashlib.sha256(read(heard.json["image_url"])).hexdigest()) if heard.method == "POST" else None
    )
    done = run("image", "large.png", to=gateway, env=store)
    assert done.rc == 0, done.stderr
    assert got == [hashlib.sha256(path.read_bytes()).hexdigest()]
    assert "large.png: uploading: " in done.stderr


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the system does not tell a process's peak")
def test_memory_is_that_of_a_small_file(run, gateway, bench, work):
    """A file of 150 MB takes hardly more memory than one of 1 MB, and arrives in full."""
    gateway, peaks = gateway(), []
    bench.configure(f'[default]\nupload = "s3://{BUCKET}/x"\n')
    # Of its own accord: what the system tells the parent is never less than the parent's own size.
    tell = f"import atexit, shutil\natexit.register(shutil.copy, '/proc/self/status', {str(work / 'peak')!r})\n"
    for number, size in enumerate((1 << 20, 150 << 20)):
        path = picture(work / f"{number}.png", number)
        os.truncate(path, size)
        with sink() as bucket:
            env = {"AWS_ENDPOINT_URL": bucket.url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
            done = run("image", path.name, "--no-check", to=gateway, env=env, inject=tell)
            assert done.rc == 0, done.stderr
            assert size <= bucket.taken < size + (1 << 20)
        (line,) = (one for one in (work / "peak").read_text().splitlines() if one.startswith("VmHWM:"))
        peaks.append(int(line.split()[1]) << 10)
    small, large = peaks
    assert large - small < 40 << 20
    assert large < 120_000_000


# What a hunt for lost files and money has found.


def test_what_another_job_needs_is_not_deleted(run, start, gateway, store, place, work):
    """While another run's job of the same file is under way, the first one to end leaves the object."""
    gateway = gateway()
    is_done, reads = set(), {}

    def script(heard):
        if heard.method == "POST":
            reads[heard.json["upscale_factor"]] = heard.json["image_url"]
            return None
        if STATUS_PATH in heard.path and heard.request_id not in is_done:
            return gateway.view(heard, "PROCESSING")
        return None

    gateway.script = script
    picture(work / "a.png")
    slow = start("image", "a.png", "-x", "4", to=gateway, env=store)
    wait_for(gateway.polls)
    is_done.add("fake_2")
    assert run("image", "a.png", "-x", "3", to=gateway, env=store).rc == 0
    assert read(reads[4]) == (work / "a.png").read_bytes()
    is_done.add("fake_1")
    slow.communicate(timeout=PATIENCE)
    assert read(reads[4]) == 404


def test_a_job_that_failed_leaves_nothing(run, gateway, store, place, work, monkeypatch):
    """After ERROR the object is gone, and so it is when the job is sent again."""
    gateway = gateway()
    picture(work / "a.png")
    gateway.script = lambda heard: gateway.view(heard, "ERROR") if STATUS_PATH in heard.path else None
    assert run("image", "a.png", to=gateway, env=store).rc == 1
    assert names(store, place, monkeypatch) == []
    gateway.script = lambda heard: None
    assert run("image", "a.png", to=gateway, env=store).rc == 0
    assert names(store, place, monkeypatch) == []


def test_a_source_that_is_moved_meanwhile_harms_nobody(run, gateway, store, place, work, monkeypatch):
    """A file that is gone when its job is done is no error, and its object goes as well."""
    gateway = gateway()
    path = picture(work / "a.png")

    def script(heard):
        if STATUS_PATH in heard.path:
            path.unlink(missing_ok=True)

    gateway.script = script
    done = run("image", "a.png", to=gateway, env=store)
    assert (done.rc, done.lines) == (0, ["a-upscaled.png"]), done.stderr
    assert names(store, place, monkeypatch) == []


@pytest.mark.parametrize("env", [{"AWS_PROFILE": "nobody"}, {"AWS_ENDPOINT_URL": "http://s3.example"}])
def test_no_address_leaves_nothing_unknown(run, gateway, store, env):
    """Where no address can be made of an object, nothing is claimed, and nothing is left that holds the next run."""
    gateway = gateway()
    done = run("image", f"s3://{BUCKET}/a.png", to=gateway, env={**store, **env})
    assert (done.rc, gateway.posts()) == (1, []), done.stderr
    assert run("status", "--unknown", "--base-url", gateway.url).lines == []
    assert run("image", f"s3://{BUCKET}/../a.png", to=gateway, env=store).rc == 2


def test_a_file_that_changes_under_way_is_not_paid_for(run, gateway, store, place, work):
    """What was planned is what is sent: a file that has changed since is one line, and nothing is submitted."""
    gateway = gateway()
    picture(work / "a.png")
    change = (
        "import seedvr_cli.uploads.upload as upload\nsend = upload.Uploads._send\n"
        "async def changing(self, url, source, told):\n"
        "    open(source.path, 'ab').write(b'more')\n    await send(self, url, source, told)\n"
        "upload.Uploads._send = changing\n"
    )
    done = run("image", "a.png", to=gateway, env=store, inject=change)
    assert (done.rc, gateway.posts()) == (1, [])
    assert "has changed since it was looked at" in done.stderr


def test_ctrl_c_waits_for_no_upload(start, gateway, home, work):
    """A program that never ends is ended with the command."""
    gateway = gateway()
    picture(work / "a.png")
    (home / "config").mkdir()
    script = work / "send"
    script.write_text(f"#!/bin/sh\necho $$ > {work}/pid\nexec sleep 600\n")
    script.chmod(0o755)
    (home / "config" / "config.toml").write_text(f"[default]\nupload-command = '{script} {{path}}'\n")
    process = start("image", "a.png", to=gateway)
    wait_for(lambda: (work / "pid").exists() and (work / "pid").read_text().strip())
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    wait_for_end(int((work / "pid").read_text()))


def test_a_signature_is_in_no_line(run, gateway, store, place, work):
    """A gateway that repeats the address in its error shows it without what signs it."""
    gateway = gateway()

    def script(heard):
        address = gateway.posts()[0].json["image_url"]
        if heard.method == "POST":
            return None
        return gateway.view(heard, "FAILED", error=f"cannot read {address}") if STATUS_PATH in heard.path else None

    gateway.script = script
    picture(work / "a.png")
    done = run("image", "a.png", to=gateway, env=store)
    assert "cannot read http://" in done.stderr
    assert "X-Amz" not in done.stderr


def test_nothing_is_uploaded_that_the_cap_refuses(run, gateway, store, place, work, monkeypatch):
    """Beyond --max-cost no file is sent: there is no money for what it would be sent for."""
    gateway = gateway()
    (work / "in").mkdir()
    for number in range(5):
        picture(work / "in" / f"{number}.png", number)
    done = run("image", "in/", "-o", "out/", "--max-cost", "0.002", "--keep-upload", "-j", "1", to=gateway, env=store)
    assert (done.rc, len(gateway.posts())) == (4, 2), done.stderr
    assert len([name for name in names(store, place, monkeypatch) if name.endswith(".png")]) == 2
