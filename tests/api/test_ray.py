"""The class for Ray Data, with batches as Ray hands them over, and without Ray."""

import gc
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from fakes.gateway import STATUS_PATH, Reply
from helpers.command import KEY, clean_environment
from helpers.places import ROOT, TINY
from helpers.waiting import PATIENCE, wait_for

from seedvr_cli.ray import ADDED, Upscale
from seedvr_cli.values.errors import KeyMissing, UsageError

pytestmark = pytest.mark.slow

URLS = [f"https://example.com/{number}/photo.jpg" for number in range(4)]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A worker's own folder, home and key."""
    for name in ("PIXAZO_API_KEY", "SEEDVR_BASE_URL", "SEEDVR_PROFILE", "SEEDVR_LEDGER_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SEEDVR_API_KEY", KEY)
    monkeypatch.setenv("SEEDVR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def worker():
    """Makes workers that are asked often, and ends them."""
    made = []

    def begin(to, **options) -> Upscale:
        made.append(Upscale(base_url=to.url, poll_interval=0.05, **options))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def by_column(batch) -> dict[str, list]:
    """A batch of any kind as lists."""
    if hasattr(batch, "to_pydict"):
        return batch.to_pydict()
    if hasattr(batch, "columns"):
        return {name: batch[name].tolist() for name in batch.columns}
    return batch


def as_numpy(rows):
    """Ray's own kind of batch."""
    numpy = pytest.importorskip("numpy", reason="numpy is not installed")
    return {name: numpy.array(values) for name, values in rows.items()}


def as_pandas(rows):
    """A DataFrame whose rows are not counted from 0."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    return pandas.DataFrame(rows, index=range(7, 7 + len(rows["source"])))


def as_pyarrow(rows):
    """An Arrow table."""
    return pytest.importorskip("pyarrow", reason="pyarrow is not installed").table(rows)


@pytest.mark.parametrize("form", [dict, as_numpy, as_pandas, as_pyarrow])
def test_a_batch_of_each_kind_gets_columns(gateway, worker, place, form):
    """Rows come back in their order, with the user's columns as they were and ours behind them."""
    polls: dict[str, int] = {}

    def slowest_first(heard):
        if heard.path.startswith(STATUS_PATH):
            polls[heard.source] = polls.get(heard.source, 0) + 1
            if polls[heard.source] <= 3 - URLS.index(heard.source):
                return fake.view(heard, "PROCESSING")
        return None

    fake = gateway(slowest_first)
    given = form({"source": URLS, "number": [3, 1, 2, 0]})
    done = worker(fake, output="big/", scale=2)(given)
    assert type(done) is type(given)
    found = by_column(done)
    assert list(found) == ["source", "number", *ADDED]
    assert (list(found["source"]), list(found["number"])) == (URLS, [3, 1, 2, 0])
    jobs = {f"fake_{number}": source for number, source in enumerate([one.source for one in fake.posts()], start=1)}
    assert [jobs[request_id] for request_id in found["request_id"]] == URLS
    assert list(found["status"]) == ["COMPLETED"] * 4
    assert list(found["charge"]) == ["listed"] * 4
    assert list(found["price_usd"]) == [0.001] * 4
    assert [urls[0].endswith(f"/media/{job}/output.png") for urls, job in
            zip(found["media_url"], found["request_id"], strict=True)] == [True] * 4  # fmt: skip
    assert len({files[0] for files in found["files"]}) == 4
    assert all(files[0].startswith(f"{place}/big/photo-2x") for files in found["files"])
    assert [list(found[name]) for name in ADDED[-3:]] == [[None] * 4] * 3


def test_columns_of_arrow_have_types(gateway, worker):
    """Batches without a single error, and without a single result, have the same types."""
    upscale = worker(gateway())
    schemas = [upscale(as_pyarrow({"source": sources})).schema for sources in (URLS, ["ftp://a/b.png"])]
    assert schemas[0] == schemas[1]
    assert [str(schemas[0].field(name).type).split("<")[0] for name in ADDED] == [
        "string", "string", "string", "double", "list", "list", "string", "string", "string"
    ]  # fmt: skip
    assert upscale(as_pyarrow({"source": URLS}).slice(0, 0)).schema == schemas[0]


class Odd:
    """Neither a text nor a path."""

    __hash__ = None


WRONG = {
    "none": None,
    "no number": math.nan,
    "a number": 7,
    "a truth": True,
    "bytes": b"https://example.com/a.png",
    "an object": Odd(),
    "a list": [URLS[0]],
    "a mapping": {"source": URLS[0]},
    "nothing": "",
    "no URL": "https://",
    "another scheme": "ftp://example.com/a.png",
    "no file": "pictures/none.png",
    "a folder": "pictures",
    "a NUL": "a\0b",
    "half a character": "https://example.com/\udc80.png",
    "very long": "https://example.com/" + "a" * 10_000,
    "another type": "https://example.com/clip.mp4",
}


def test_what_is_wrong_with_a_row_is_its_own(gateway, worker, place):
    """No value of a source raises: each is that row's error, and the rows around it are done."""
    (place / "pictures").mkdir()
    for name in ("a.png", "b.png"):
        (place / "pictures" / name).write_bytes((TINY / "picture.png").read_bytes())
    fake = gateway(
        lambda heard: Reply(400, {"error": "Bad"}) if heard.method == "POST" and heard.source == URLS[3] else None
    )
    given = {"source": [URLS[0], *WRONG.values(), URLS[3], URLS[1]]}
    done = worker(fake)(given)
    assert done["source"] == given["source"]
    assert done["error_code"] == [None, *["bad_line"] * len(WRONG), "refused", None]
    assert done["charge"] == ["listed", *["none"] * (len(WRONG) + 1), "listed"]
    assert all(done["error_message"][1:-1])
    assert [done[name][1] for name in ("request_id", "status", "price_usd", "media_url", "files")] == [None] * 5
    assert sorted(one.source for one in fake.posts()) == [URLS[0], URLS[1], URLS[3]]


def test_a_row_has_options_of_its_own(gateway, worker):
    """Columns that are named are that row's options: a missing value is none, a wrong one that row's error."""
    fake = gateway()
    numpy_like = {"source": [*URLS, URLS[0]], "scale": [4.0, math.nan, None, 99, 3], "key": [None, 7, "b", "c", "d"]}
    done = worker(fake, scale=2, columns=("scale", "key"), output="{stem}-{scale}{ext}")(
        {**numpy_like, "price": [1] * 5}
    )
    assert done["error_code"] == [None, None, None, "bad_line", None]
    assert "scale" in done["error_message"][3]
    bodies = {(one.source, one.json["upscale_factor"]) for one in fake.posts()}
    assert bodies == {(URLS[0], 4), (URLS[1], 2), (URLS[2], 2), (URLS[0], 3)}
    assert (done["scale"], done["price"]) == (numpy_like["scale"], [1] * 5)
    again = worker(fake, scale=2, columns="key", source="url")({"url": ["https://example.com/moved.jpg"], "key": [7.0]})
    assert (again["request_id"], len(fake.posts())) == ([done["request_id"][1]], 4)


def test_whatever_stands_in_a_column_of_options_is_that_rows(gateway, worker):
    """Values that JSON does not have, and values that refer to themselves, end one row each, and not the run."""
    fake, ring = gateway(), {}
    ring["ring"] = ring
    done = worker(fake, columns=("param",))({"source": URLS, "param": [{"a": Odd()}, ring, {1: 2, "b": 3}, {"a": 1}]})
    assert done["error_code"] == ["bad_line", "bad_line", "bad_line", None]
    assert fake.accepted() == {URLS[3]: 1}


def test_a_column_that_is_there_keeps_its_name(gateway, worker):
    """Ours gets `seedvr_` before its name as often as that is taken, and the user's stays as it was."""
    upscale = worker(gateway())
    given = {"source": URLS[:1], "status": ["mine"], "seedvr_status": [1], "files": ["a"]}
    done = upscale(given)
    assert {name: done[name] for name in given} == given
    assert (done["seedvr_seedvr_status"], len(done["seedvr_files"][0])) == (["COMPLETED"], 1)
    assert "seedvr_charge" not in done
    assert given.keys() == {"source", "status", "seedvr_status", "files"}


def test_wrong_options_are_told_by_the_constructor(gateway, monkeypatch):
    """A wrong option, a key that is handed over, and a key that is missing end the constructor: nothing is sent."""
    fake = gateway()
    for wrong, says in (
        ({"api_key": KEY}, "each worker finds its own"),
        ({"new": True}, "paid for again"),
        ({"retry_failed": True}, "submit again what ended FAILED"),
        ({"sclae": 2}, "sclae"),
        ({"scale": 99}, "scale"),
        ({"jobs": 0}, "jobs"),
        ({"timeout": "soon"}, "timeout"),
        ({"model": "9b"}, "9b"),
        ({"output": "-"}, "output"),
        ({"kind": "audio"}, "image, video"),
        ({"param": {"a": Odd()}}, "JSON"),
        ({"columns": ("scael",)}, "did you mean scale"),
        ({"columns": ("jobs",)}, "no option of an item"),
        ({"profile": "nobody"}, "nobody"),
    ):
        with pytest.raises(UsageError, match=says) as caught:
            Upscale(base_url=fake.url, **wrong)
        assert KEY not in str(caught.value)
    monkeypatch.delenv("SEEDVR_API_KEY")
    with pytest.raises(KeyMissing):
        Upscale(base_url=fake.url)
    assert [thread.name for thread in threading.enumerate() if thread.name == "seedvr"] == []
    assert fake.heard == []


def test_a_batch_without_its_column_is_told(gateway, worker):
    """A batch that lacks the source's column, or one of options, is a usage error before anything is sent."""
    fake = gateway()
    with pytest.raises(UsageError, match="no column 'source'"):
        worker(fake)({"sauce": URLS})
    with pytest.raises(UsageError, match="no column 'scale'"):
        worker(fake, columns=["scale"])({"source": URLS})
    assert fake.heard == []


def test_an_empty_batch_has_the_columns(gateway, worker):
    """A batch without rows has all columns, and costs nothing."""
    assert worker(gateway())({"source": []}) == {"source": [], **{name: [] for name in ADDED}}


def test_a_worker_is_one_run(gateway, worker):
    """All batches of a worker are one run of the engine: `max_cost` is for all of them, and rows end as they can."""
    fake = gateway()
    upscale = worker(fake, max_cost=0.003, jobs=1)
    done = [upscale({"source": [url]}) for url in [*URLS, URLS[0]]]
    assert [batch["error_code"][0] for batch in done] == [None, None, None, "max_cost", None]
    assert len([thread for thread in threading.enumerate() if thread.name == "seedvr"]) == 1


def test_the_same_again_costs_nothing(gateway, worker):
    """A source that stands twice, a batch that is run again and one that two workers have are paid for once."""
    fake = gateway()
    first, second = worker(fake), worker(fake)
    batch, ended = {"source": [*URLS, *URLS]}, {}
    threads = [
        threading.Thread(target=lambda number=number, one=one: ended.update({number: one(batch)}))
        for number, one in enumerate([first, first, second, second])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    ended[4] = worker(fake)(batch)
    assert set(fake.accepted().values()) == {1}
    assert len(fake.posts()) == 4
    assert [done["error_code"] for done in ended.values()] == [[None] * 8] * 5
    assert {tuple(done["request_id"]) for done in ended.values()} == {tuple(ended[4]["request_id"])}


def test_what_is_pickled_holds_no_secret(gateway, worker, monkeypatch):
    """A pickled worker is its options; its copy opens a session with the key of where it wakes, at its first batch."""
    fake = gateway()
    upscale = worker(fake, scale=2)
    assert upscale({"source": URLS[:1]})["error_code"] == [None]
    frozen = pickle.dumps(upscale)
    assert KEY.encode() not in frozen
    monkeypatch.setenv("SEEDVR_API_KEY", "the-key-of-another-place")
    copy = pickle.loads(frozen)
    assert copy({"source": URLS[:2]})["error_code"] == [None, None]
    assert [one.headers["ocp-apim-subscription-key"] for one in fake.posts()] == [KEY, "the-key-of-another-place"]
    copy.close()


def test_a_worker_that_goes_ends_its_run(gateway):
    """Without a reference to it the run is closed; a worker that was closed begins another at its next batch."""
    fake = gateway()
    upscale = Upscale(base_url=fake.url, poll_interval=0.05)
    upscale({"source": URLS[:1]})
    upscale.close()
    assert upscale({"source": URLS[:2]})["error_code"] == [None, None]
    threads = [thread for thread in threading.enumerate() if thread.name == "seedvr"]
    del upscale
    gc.collect()
    assert [thread.is_alive() for thread in threads] == [False]
    assert len(fake.posts()) == 2


def test_rows_under_way_are_interrupted_by_the_end(gateway, worker):
    """Closing ends the rows that wait, each with an error; what was submitted is attached to by the next worker."""
    ended, done = [], []
    fake = gateway(lambda heard: fake.view(heard, "PROCESSING") if heard in fake.polls() and not done else None)
    upscale = worker(fake)
    waiting = threading.Thread(target=lambda: ended.append(upscale({"source": URLS})))
    waiting.start()
    wait_for(lambda: len({one.source for one in fake.polls()}) == len(URLS))
    upscale.close()
    waiting.join(PATIENCE)
    assert ended[0]["error_code"] == ["interrupted"] * 4
    assert ended[0]["charge"] == [None] * 4
    done.append(True)
    assert worker(fake)({"source": URLS})["error_code"] == [None] * 4
    assert len(fake.posts()) == 4


def test_ctrl_c_where_the_process_lives_on_ends_the_run(gateway, worker):
    """In a notebook nothing more is submitted after Ctrl-C, and the same batch again goes on."""
    fake, done = gateway(), []
    fake.script = lambda heard: fake.view(heard, "PROCESSING") if heard in fake.polls() and not done else None
    upscale = worker(fake, jobs=2)

    def interrupt():
        wait_for(lambda: len(fake.polls()) > 2)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may ignore it
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            upscale({"source": URLS})
    finally:
        signal.signal(signal.SIGINT, before)
    assert [thread for thread in threading.enumerate() if thread.name == "seedvr"] == []
    assert len(fake.posts()) == 2
    done.append(True)
    assert upscale({"source": URLS})["error_code"] == [None] * 4
    assert len(fake.posts()) == 4


def test_a_bug_ends_rows_and_no_worker(gateway, worker, monkeypatch):
    """Where the run itself fails, rows that wait say so, and the next batch has a run of its own."""
    fake = gateway()
    upscale = worker(fake)
    with monkeypatch.context() as patch:
        patch.setattr("seedvr_cli.api._entry", lambda *_: 1 / 0)
        done = upscale({"source": URLS[:2]})
    assert done["error_code"] == ["unforeseen"] * 2
    assert "ZeroDivisionError" in done["error_message"][0]
    assert upscale({"source": URLS[:2]})["error_code"] == [None, None]


SCRIPT = """
import sys
from seedvr_cli.ray import Upscale
upscale = Upscale(base_url=sys.argv[1], poll_interval=0.05)
print("open", flush=True)
print(upscale({"source": sys.argv[2:]})["error_code"])
"""


def test_the_end_of_a_process_closes_the_run(gateway, place):
    """A program that ends with a worker alive ends at once and in silence, and its ledger is whole."""
    fake = gateway()
    command, environment = [sys.executable, "-c", SCRIPT, fake.url, *URLS], clean_environment(place)
    for _ in range(2):
        done = subprocess.run(command, env=environment | {"SEEDVR_API_KEY": KEY}, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == ["open", str([None] * 4)]
    assert len(fake.posts()) == 4
    assert list((place / "state" / "runs").glob("*")) == []


def test_ctrl_c_in_a_batch_records_what_is_in_the_air(gateway, place):
    """An interrupted batch waits for the answers to its submissions, and the same program again pays for nothing."""
    fake, held = gateway(), threading.Event()
    fake.script = lambda heard: (
        replace(fake.accept(heard.source), held=held) if heard.method == "POST" and not held.is_set() else None
    )
    command, environment = [sys.executable, "-c", SCRIPT, fake.url, *URLS], clean_environment(place)
    environment["SEEDVR_API_KEY"] = KEY
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for(lambda: len(fake.posts()) == 4)
        process.send_signal(signal.SIGINT)
        threading.Timer(0.3, held.set).start()
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode != 0, b"KeyboardInterrupt" in errors) == (True, True)
    assert list((place / "state" / "runs").glob("*")) == []
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == str([None] * 4), done.stderr
    assert len(fake.posts()) == 4


def test_a_worker_that_is_killed_in_the_middle_of_its_submissions(gateway, place):
    """What it was sending is unknown to the next worker, in these rows alone, and is not sent again."""
    fake, held = gateway(), threading.Event()
    fake.script = lambda heard: (
        replace(fake.accept(heard.source), held=held) if heard.method == "POST" and heard.source in URLS[:2] else None
    )
    command, environment = [sys.executable, "-c", SCRIPT, fake.url, *URLS], clean_environment(place)
    environment["SEEDVR_API_KEY"] = KEY
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: {one.source for one in fake.polls()} == set(URLS[2:]) and len(fake.posts()) == 4)
        process.kill()
    held.set()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == str(["unknown_outcome"] * 2 + [None] * 2), done.stderr
    assert len(fake.posts()) == 4


def test_nothing_of_ray_is_loaded():
    """The module loads neither Ray nor what batches are made of, nor the command line."""
    code = "import sys, seedvr_cli.ray; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    foreign = ("ray", "numpy", "pandas", "pyarrow", "seedvr_cli.cli", "seedvr_cli.render")
    assert [name for name in loaded.split() if name in foreign or name.startswith("ray.")] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are made in another way here")
def test_a_fork_begins_a_run_of_its_own(gateway, worker):
    """A process that was forked has no threads of the one before: a call there opens a run of its own."""
    upscale = worker(gateway())
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(upscale({"source": [URLS[0]]})["charge"][0]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as said:
        assert said.read() == "listed"
    os.waitpid(child, 0)
    assert upscale({"source": [URLS[0]]})["charge"] == ["listed"]


def test_a_gateway_that_is_back_is_asked_again(gateway, worker):
    """A gateway that is away ends the submissions of a batch, and not those of the worker's life."""
    fake = gateway(lambda heard: Reply(500) if heard.method == "POST" else None)
    upscale = worker(fake)
    assert upscale({"source": URLS[:1]})["error_code"] == ["gateway"]
    fake.script = lambda _: None
    assert upscale({"source": URLS[1:2]})["charge"] == ["listed"]
