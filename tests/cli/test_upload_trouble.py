"""Uploads that are broken off, refused or left behind: nothing is lost, nothing is paid, and nothing stays."""

import hashlib
import os
import re
import signal
import uuid

import httpx
import pytest
from fakes.gateway import STATUS_PATH, Reply
from fakes.proxy import proxy
from fakes.refusing import error, refusing
from helpers.bucket import BUCKET, rclone
from helpers.command import Bench
from helpers.waiting import PATIENCE, wait_for
from PIL import Image

pytestmark = pytest.mark.slow

# A store that refuses is asked once.
FAST = "import seedvr_cli.objects.opening as opening\nopening._RETRIES = {'max_retries': 0}\n"


def picture(path, size=(40, 30)):
    """A picture that no other test has."""
    Image.effect_noise(size, 90).save(path)
    return path


def large_picture(path, pieces):
    """One whose file takes so many pieces."""
    picture(path)
    with path.open("ab") as file:
        for number in range(pieces):
            file.write(bytes([number]) * (8 << 20))
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The environment that leads to a store which checks signatures."""
    with rclone(tmp_path_factory.mktemp("rclone")) as environment:
        yield environment


@pytest.fixture
def place(bench):
    """Says where files go, and gives the folder."""
    folder = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    bench.configure(f'[default]\nupload = "{folder}"\n')
    return folder


@pytest.fixture
def names(server, place, monkeypatch):
    """Says what is in that folder."""
    from seedvr_cli.objects.store import ObjectStore

    for name, value in server.items():
        monkeypatch.setenv(name, value)
    return lambda: ObjectStore(f"s3://{BUCKET}").names(place.removeprefix(f"s3://{BUCKET}/"))


def pieces(asked):
    """The numbers of the pieces that these requests send, sorted."""
    return sorted(int(one[1]) for name in asked if (one := re.match(r"PUT .*[?&]partNumber=(\d+)", name)))


def test_an_upload_that_was_killed_goes_on(start, run, gateway, server, place, work, names):
    """After kill -9 in the midst of a large file the same command sends only the pieces that are not there."""
    gateway = gateway()
    path = large_picture(work / "large.png", 6)
    with proxy() as between:
        env = {**server, "AWS_ENDPOINT_URL": server["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost"),
               "http_proxy": between.url, "no_proxy": "127.0.0.1"}  # fmt: skip
        between.holds = lambda name: bool(set(pieces([name])) - {2, 4})
        process = start("image", "large.png", to=gateway, env=env)
        wait_for(lambda: pieces(between.answered) == [2, 4])
        process.kill()
        process.wait(PATIENCE)
        assert gateway.posts() == []
        between.holds = lambda _: False
        between.asked.clear()
        got = []
        gateway.script = lambda heard: got.append(_read(heard.json["image_url"])) if heard.method == "POST" else None
        done = run("image", "large.png", to=gateway, env=env)
        assert done.rc == 0, done.stderr
        assert pieces(between.asked) == [1, 3, 5, 6, 7]
    assert got == [hashlib.sha256(path.read_bytes()).hexdigest()]
    assert names() == []


def _read(url):
    return hashlib.sha256(httpx.get(url, trust_env=False, timeout=PATIENCE).content).hexdigest()


def test_ctrl_c_in_an_upload_ends_at_once(start, gateway, server, place, work):
    """An interrupt waits for no piece that is on its way."""
    gateway = gateway()
    large_picture(work / "large.png", 3)
    with proxy() as between:
        env = {**server, "AWS_ENDPOINT_URL": server["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost"),
               "http_proxy": between.url, "no_proxy": "127.0.0.1"}  # fmt: skip
        between.holds = lambda name: bool(pieces([name]))
        process = start("image", "large.png", to=gateway, env=env)
        wait_for(lambda: pieces(between.asked))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    assert gateway.posts() == []


# The first address holds for a second, the others as long as they do.
FIRST_IS_SHORT = """
from seedvr_cli.objects.store import ObjectStore
sign, lives = ObjectStore.sign, [1.0]
ObjectStore.sign = lambda store, path, seconds: sign(store, path, lives.pop() if lives else seconds)
"""


def test_an_address_that_has_expired_is_renewed(run, gateway, server, place, work):
    """A submission that comes when the first address has expired carries another one, which the store still takes."""
    gateway, addresses, read = gateway(), [], []

    def script(heard):
        if heard.method != "POST":
            return None
        addresses.append(heard.json["image_url"])
        if len(addresses) == 1:
            return Reply(429, b"", {"Retry-After": "2"})
        read.extend(httpx.get(address, trust_env=False, timeout=PATIENCE).status_code for address in addresses)
        return None

    gateway.script = script
    picture(work / "a.png")
    done = run("image", "a.png", to=gateway, env=server, inject=FIRST_IS_SHORT)
    assert done.rc == 0, done.stderr
    assert [status < 300 for status in read] == [False, True]


# What a run leaves behind.


KILLED = "import os, seedvr_cli.run.life as life\nasync def die(*_): os._exit(9)\nlife._Life._let_go = die\n"


@pytest.mark.parametrize("command", ["same", "download", "status", "other"])
def test_what_a_killed_run_left_is_let_go_of(run, gateway, server, place, work, names, command):
    """A run that dies between the delivery and the object's end leaves it to the next one, whatever that does."""
    gateway = gateway()
    picture(work / "a.png")
    assert run("image", "a.png", to=gateway, env=server, inject=KILLED).rc == 9
    assert len(names()) == 2
    (request_id,) = {poll.request_id for poll in gateway.polls()}
    if command == "other":
        picture(work / "b.png")
    words = {"same": ("image", "a.png"), "other": ("image", "b.png"), "download": ("download",)}
    done = run(*words.get(command, ("status", request_id)), to=gateway, env=server, inject="")
    assert done.rc == 0, done.stderr
    assert names() == []
    assert os.listdir(_marks(work)) == []


def _marks(work):
    return work.parent / "home" / "state" / "uploads"


@pytest.mark.parametrize("command", ["download", "status"])
def test_a_job_that_nobody_waited_for_is_let_go_of(run, gateway, server, place, work, names, command):
    """After --no-wait the object stands until `download` or `status` finds that the job has ended."""
    gateway = gateway()
    is_done = False
    gateway.script = lambda heard: (
        gateway.view(heard, "PROCESSING") if STATUS_PATH in heard.path and not is_done else None
    )
    picture(work / "a.png")
    (request_id,) = run("image", "a.png", "--no-wait", to=gateway, env=server).lines
    assert run("status", request_id, to=gateway, env=server).rc == 6
    assert len(names()) == 2
    is_done = True
    words = ("download",) if command == "download" else ("status", request_id)
    assert run(*words, to=gateway, env=server).rc == 0
    assert names() == []
    assert os.listdir(_marks(work)) == []


def test_another_machine_lets_go_of_what_it_has_delivered(
    run, gateway, server, place, work, names, tmp_path, postgres_server
):
    """Where the machine that sent a file does not come back, the one that delivers the job deletes the object."""
    gateway = gateway()
    env = {**server, "SEEDVR_LEDGER_URL": postgres_server.database()}
    path = picture(work / "a.png")
    assert run("image", "a.png", "--no-wait", to=gateway, env=env).rc == 0
    (tmp_path / "away").mkdir()
    away = Bench(tmp_path / "away")
    away.configure(f'[default]\nupload = "{place}"\n')
    (away.work / "b.png").write_bytes(path.read_bytes())
    done = away.run("image", "b.png", to=gateway, env=env)
    assert (done.rc, len(gateway.posts())) == (0, 1), done.stderr
    assert names() == []


def test_what_the_gateway_refuses_leaves_nothing(run, gateway, server, place, work, names):
    """After a 400 the object is gone at once, as there is no job that needs it."""
    gateway = gateway(lambda heard: Reply(400, {"message": "no"}) if heard.method == "POST" else None)
    picture(work / "a.png")
    assert run("image", "a.png", to=gateway, env=server).rc == 1
    assert len(gateway.posts()) == 1
    assert names() == []
    assert os.listdir(_marks(work)) == []


def test_the_store_of_then_counts(run, gateway, server, place, work, names, bench):
    """An object is let go of where it was put, wherever files go by now."""
    gateway = gateway()
    picture(work / "a.png")
    assert run("image", "a.png", to=gateway, env=server, inject=KILLED).rc == 9
    bench.configure('[default]\nupload = "gs://elsewhere/x"\n')
    assert run("download", to=gateway, env=server, inject="").rc == 0
    assert names() == []


def test_a_store_that_is_away_keeps_what_is_to_be_let_go_of(run, gateway, server, place, work, names):
    """Where the store is not to be had, the command ends as it would, and the next one lets go."""
    gateway = gateway()
    picture(work / "a.png")
    assert run("image", "a.png", to=gateway, env=server, inject=KILLED).rc == 9
    away = {**server, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    assert run("download", to=gateway, env=away, inject=FAST).rc == 0
    assert len(os.listdir(_marks(work))) == 1
    assert run("download", to=gateway, env=server, inject="").rc == 0
    assert names() == []


def test_another_job_of_the_same_request_keeps_its_object(run, start, gateway, server, place, work, names):
    """A job that was submitted with --new has a mark of its own, which the end of the first one leaves."""
    gateway = gateway()
    is_done, reads = set(), []

    def script(heard):
        if heard.method == "POST":
            reads.append(heard.json["image_url"])
        elif STATUS_PATH in heard.path and heard.request_id not in is_done:
            return gateway.view(heard, "PROCESSING")
        return None

    gateway.script = script
    picture(work / "a.png")
    first = start("image", "a.png", "-o", "1.png", to=gateway, env=server)
    wait_for(gateway.polls)
    second = start("image", "a.png", "-o", "2.png", "--new", to=gateway, env=server)
    wait_for(lambda: any(poll.request_id == "fake_2" for poll in gateway.polls()))
    is_done.add("fake_1")
    assert first.wait(PATIENCE) == 0
    assert len(names()) == 2
    is_done.add("fake_2")
    assert second.wait(PATIENCE) == 0
    assert names() == []


# What is refused.


@pytest.mark.parametrize(
    ("env", "inject", "part"),
    [
        ({}, "import sys\nsys.modules['obstore'] = None\n", "pip install 'seedvr-cli[bucket]'"),
        ({"AWS_ENDPOINT_URL": "http://store.example:9000"}, FAST, "would send it all in the clear"),
        ({"AWS_PROFILE": "nobody"}, FAST, "there is no profile 'nobody'"),
    ],
)
@pytest.mark.parametrize("words", [("a.png",), ("--watch", ".", "-o", "out/", "--max-cost", "1")])
def test_a_way_that_is_none_is_bad_usage(run, gateway, place, work, words, env, inject, part):
    """A missing library, an address in the clear and a profile that is not there are found before anything else."""
    gateway = gateway()
    picture(work / "a.png")
    done = run("image", *words, to=gateway, env=env, inject=inject)
    assert (done.rc, gateway.posts()) == (2, [])
    assert part in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("setting", "env", "part"),
    [
        ('upload = "s3://no-such-bucket/x"', {}, "there is no s3://no-such-bucket|is not there (404)"),
        ('upload = "s3://bucket/x"', {"AWS_SECRET_ACCESS_KEY": "wrong"}, "look at the keys"),
        ('upload = "s3://bucket/x"', {"AWS_ACCESS_KEY_ID": "nobody"}, "look at the keys"),
        ('upload = "s3://bucket/x"\nupload-endpoint = "http://127.0.0.1:1"', {}, "cannot be reached at 127.0.0.1:1"),
        ('upload = "s3://bucket/x"\nupload-endpoint = "GATEWAY"', {}, "does not answer as an object store does"),
        ("upload-command = 'no-such-program {path}'", {}, "upload-command: no-such-program: No such file"),
        ("upload-command = 'false {path}'", {}, "upload-command: false ended with 1"),
    ],
)
def test_what_cannot_be_used_is_one_line(run, gateway, server, bench, work, setting, env, part):
    """A store or a program that cannot be used is one line for the file, code 1, and nothing is submitted."""
    gateway = gateway()
    picture(work / "a.png")
    bench.configure(f"[default]\n{setting.replace('GATEWAY', gateway.url)}\n")
    done = run("image", "a.png", "-q", to=gateway, env={**server, **env}, inject=FAST)
    assert done.rc == 1, done.stderr
    assert [one for one in gateway.posts() if one.source] == []
    assert any(words in done.stderr for words in part.split("|")), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not _marks(work).exists() or os.listdir(_marks(work)) == []


def test_without_keys_the_line_says_what_to_set(run, gateway, bench, work):
    """Where nobody has keys, neither the environment nor a role, the line says which to set."""
    gateway = gateway()
    picture(work / "a.png")
    bench.configure('[default]\nupload = "s3://bucket/x"\n')
    with refusing() as away:
        done = run("image", "a.png", "-q", to=gateway, env={"AWS_METADATA_ENDPOINT": away.url}, inject=FAST)
    assert (done.rc, gateway.posts()) == (1, [])
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("status", "code", "part"),
    [
        (403, "RequestTimeTooSkewed", "this machine's clock is wrong"),
        (400, "ExpiredToken", "these keys have expired"),
        (400, "AuthorizationHeaderMalformed", "is in another region (eu-west-1)"),
    ],
)
def test_what_a_store_says_of_clock_and_region_is_said(run, gateway, bench, work, status, code, part):
    """A wrong clock, a session that is over and another region are named, in the JSON object too."""
    gateway = gateway()
    picture(work / "a.png")
    bench.configure('[default]\nupload = "s3://bucket/x"\n')
    with refusing(status, error(code, "expecting 'eu-west-1'")) as away:
        env = {"AWS_ENDPOINT_URL": away.url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "hidden"}
        done = run("image", "a.png", "-q", "--json", to=gateway, env=env, inject=FAST)
    assert (done.rc, gateway.posts()) == (1, [])
    assert part in done.object["error"]["message"]
    assert done.object["charge"] == "none"
    assert "hidden" not in done.stderr + done.stdout
