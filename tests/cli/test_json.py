"""The JSON object: a test for each key, over one run of jobs that end in every way."""

import hashlib
import re

import pytest
from fakes.gateway import CUT, FakeGateway, Reply
from helpers.sources import new_url

KEYS = {
    "v", "source", "endpoint", "request_id", "status", "charge", "price_usd", "media_url", "media_type", "files",
    "error", "params", "resumed", "submitted_at", "completed_at", "elapsed_s",
}  # fmt: skip
WORDS = ("completed", "failed", "error", "running", "unknown", "refused", "undelivered")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Scene:
    """One run of seven jobs, the same command again, and what status and download say of them afterwards."""

    def __init__(self, bench):
        self.work = bench.work
        self.sources = {word: new_url(f"{word}.png") for word in WORDS}
        self.words = {source: word for word, source in self.sources.items()}
        self.fake = FakeGateway(self._answer)
        flags = ["-x", "2", "--seed", "7", "--timeout", "3s", "--json"]
        self.first = self._by_word(bench.run("image", *self.sources.values(), *flags, to=self.fake))
        self.again = self._by_word(bench.run("image", *self.sources.values(), *flags, to=self.fake))
        request_id = self.first["completed"]["request_id"]
        self.listed = self._by_word(bench.run("status", "--json", to=self.fake))
        self.asked = bench.run("status", request_id, "--json", to=self.fake).object
        self.downloaded = bench.run("download", request_id, "--json", to=self.fake).object

    def _answer(self, heard):
        word = self.words.get(heard.source, "undelivered" if heard.path.startswith("/media/fake_") else "")
        if heard.method == "POST":
            return {"unknown": CUT, "refused": Reply(400, {"error": "Bad Request", "message": "no"})}.get(word)
        if heard in self.fake.polls():
            status = {"failed": "FAILED", "error": "ERROR", "running": "PROCESSING"}.get(word, "COMPLETED")
            more = {"error": f"it is {word}"} if word in {"failed", "error"} else {}
            output = {"media_url": [f"{self.fake.url}/media/{word}.png"], "media_type": "application/octet-stream"}
            times = {"created_at": "2026-05-22T13:17:32.110Z", "completed_at": "2026-05-22 13:17:33"}
            done = {"output": output, **times} if status == "COMPLETED" else {}
            return self.fake.view(heard, status, **more, **done, queue="fast")
        return Reply(404, b"gone") if heard.path == "/media/undelivered.png" else None

    def _by_word(self, done):
        return {self.words[value["source"]]: value for value in done.objects}

    @property
    def everything(self):
        return [
            *self.first.values(),
            *self.again.values(),
            *self.listed.values(),
            self.asked,
            self.downloaded,
        ]


@pytest.fixture(scope="module")
def scene(module_bench):
    made = Scene(module_bench)
    yield made
    made.fake.close()
    assert made.fake.errors == []


def of(values, key):
    return {word: value[key] for word, value in values.items()}


def test_one_object_for_each_source(scene):
    """Each source gets one line, whichever way its job ended, in the first run and in the same command again."""
    assert set(scene.first) == set(scene.again) == set(WORDS)


def test_every_key_is_always_there(scene):
    """No object lacks a key of the contract, whichever command printed it and however the job ended."""
    assert [KEYS - set(value) for value in scene.everything] == [set()] * len(scene.everything)


def test_all_commands_print_the_same_object(scene):
    """image, status with ids, status without, and download print objects with the same keys."""
    assert len({tuple(sorted(value)) for value in scene.everything}) == 1


def test_all_commands_say_the_same_of_a_job(scene):
    """What does not depend on the run is the same in the objects of image, status and download."""
    fixed = KEYS - {"resumed", "files"}
    expected = {key: scene.first["completed"][key] for key in fixed}
    for value in (scene.again["completed"], scene.listed["completed"], scene.asked, scene.downloaded):
        assert {key: value[key] for key in fixed} == expected
        assert [file["sha256"] for file in value["files"]] == [scene.first["completed"]["files"][0]["sha256"]]


def test_v(scene):
    """v is 1."""
    assert {value["v"] for value in scene.everything} == {1}


def test_source(scene):
    """source is the SOURCE as it was written."""
    assert of(scene.first, "source") == scene.sources


def test_endpoint(scene):
    """endpoint is our own name of it, also where nothing was submitted."""
    assert {value["endpoint"] for value in scene.everything} == {"7b-image"}


def test_request_id(scene):
    """request_id is the gateway's, and null where there is none."""
    ids = of(scene.first, "request_id")
    assert {word for word, request_id in ids.items() if request_id is None} == {"unknown", "refused"}
    polled = {poll.path.rpartition("/")[2]: poll.source for poll in scene.fake.polls()}
    assert polled[ids["completed"]] == scene.sources["completed"]


def test_status(scene):
    """status is the gateway's word, and null where it never gave one."""
    assert of(scene.first, "status") == {
        "completed": "COMPLETED",
        "failed": "FAILED",
        "error": "ERROR",
        "running": "PROCESSING",
        "unknown": None,
        "refused": None,
        "undelivered": "COMPLETED",
    }


def test_charge(scene):
    """charge is none, listed, not_charged, maybe or unknown, by what is known of the money."""
    assert of(scene.first, "charge") == {
        "completed": "listed",
        "failed": "maybe",
        "error": "not_charged",
        "running": "maybe",
        "unknown": "unknown",
        "refused": "none",
        "undelivered": "listed",
    }


def test_price_usd(scene):
    """price_usd is the list price, and null where nothing was submitted."""
    prices = of(scene.first, "price_usd")
    assert prices.pop("refused") is None
    assert set(prices.values()) == {0.001}


def test_media_url(scene):
    """media_url is the list of the gateway's URLs, empty before there are any."""
    urls = of(scene.first, "media_url")
    assert urls.pop("completed") == [f"{scene.fake.url}/media/completed.png"]
    assert urls.pop("undelivered") == [f"{scene.fake.url}/media/undelivered.png"]
    assert all(url == [] for url in urls.values())


def test_media_type(scene):
    """media_type is what the gateway calls the result, and null before there is one."""
    types = of(scene.first, "media_type")
    assert types.pop("completed") == types.pop("undelivered") == "application/octet-stream"
    assert set(types.values()) == {None}


def test_files(scene):
    """files has path, bytes, sha256, true media type, width and height of what was delivered, and else is empty."""
    files = of(scene.first, "files")
    picture = scene.fake.picture
    assert files.pop("completed") == [
        {
            "path": "completed-2x.png",
            "bytes": len(picture),
            "sha256": hashlib.sha256(picture).hexdigest(),
            "media_type": "image/png",
            "width": 16,
            "height": 16,
        }
    ]
    assert (scene.work / "completed-2x.png").read_bytes() == picture
    assert all(file == [] for file in files.values())


def test_error(scene):
    """error is null where all went well, and else has code, message and hint."""
    errors = of(scene.first, "error")
    assert errors.pop("completed") is None
    assert {tuple(sorted(error)) for error in errors.values()} == {("code", "hint", "message")}
    assert {word: error["code"] for word, error in errors.items()} == {
        "failed": "job_failed",
        "error": "job_error",
        "running": "still_running",
        "unknown": "unknown_outcome",
        "refused": "refused",
        "undelivered": "delivery",
    }
    assert "it is failed" in errors["failed"]["message"]
    assert "no" in errors["refused"]["message"]
    assert "--retry-failed" in errors["failed"]["hint"]


def test_params(scene):
    """params is the body without the source, in the vendor's keys."""
    assert of(scene.first, "params") == {word: {"upscale_factor": 2, "seed": 7} for word in WORDS}


def test_resumed(scene):
    """resumed is true where the ledger had the job: at first never, and later for all but what is sent again."""
    assert set(of(scene.first, "resumed").values()) == {False}
    again = of(scene.again, "resumed")
    assert {word for word, resumed in again.items() if not resumed} == {"error", "refused"}
    assert scene.downloaded["resumed"] is True


def test_submitted_at_and_completed_at(scene):
    """Both instants are UTC in ISO 8601 whatever form the gateway gave, and null before they have come."""
    completed = scene.first["completed"]
    assert completed["submitted_at"] == "2026-05-22T13:17:32.110Z"
    assert completed["completed_at"] == "2026-05-22T13:17:33.000Z"
    assert INSTANT.fullmatch(scene.first["running"]["submitted_at"])
    assert scene.first["running"]["completed_at"] is None
    assert scene.first["refused"]["submitted_at"] is None


def test_elapsed_s(scene):
    """elapsed_s is the seconds between the two, and null before the end."""
    assert scene.first["completed"]["elapsed_s"] == 0.89
    assert scene.first["running"]["elapsed_s"] is None
    assert scene.first["refused"]["elapsed_s"] is None


def test_what_else_the_gateway_says_is_passed_on(scene):
    """A field beyond the vendor's reference stands untouched under extra."""
    assert scene.first["completed"]["extra"] == {"queue": "fast"}


def test_the_same_command_again_says_what_the_ledger_has(scene):
    """The object of a delivered job is the same in the second run, but for resumed."""
    assert {**scene.again["completed"], "resumed": False} == scene.first["completed"]


def test_lines_are_plain_ascii(run, sandbox):
    """A line is one JSON object in ASCII, whatever is in the source's name."""
    source = new_url("ünï-\u202ecode.png")
    done = run("image", source, "--json", to=sandbox)
    assert done.rc == 0, done.stderr
    assert done.raw.isascii()
    assert done.object["source"] == source


def test_no_two_jobs_share_a_line(run, sandbox):
    """Many jobs that end together give whole lines, one each."""
    sources = [new_url() for _ in range(12)]
    done = run("image", *sources, "--json", "-q", to=sandbox)
    assert sorted(one["source"] for one in done.objects) == sorted(sources)
