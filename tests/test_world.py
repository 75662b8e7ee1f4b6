"""The sandbox's world: the contract as a pure state machine, with a clock that is set by hand."""

import json
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvr_cli.sandbox.faults import FAULTS
from seedvr_cli.sandbox.http.ranges import Unsatisfiable, wanted_span
from seedvr_cli.sandbox.job import Job
from seedvr_cli.sandbox.reply import Reply
from seedvr_cli.sandbox.world import SandboxSettings, World
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.schedule import parse_timestamp

# 2026-05-22T13:17:32.110Z, as in the reference's examples.
START = 1779455852.110
HEADERS = {"host": "127.0.0.1:8787", "ocp-apim-subscription-key": "YOUR_API_KEY"}
PICTURE = {"image_url": "https://your-cdn.com/source.png"}
VIDEO = {"video_url": "https://example.com/my-video.mp4"}


class Bench:
    """A world with its jobs, and the hands on its clock."""

    def __init__(self, **settings: Any) -> None:
        self.now = START
        self.jobs: dict[str, Job] = {}
        chosen = SandboxSettings(**{"latency": 30.0, "instant": True, **settings})
        self.world = World(self.jobs, chosen, lambda: self.now, Random(1))

    def submit(
        self, body: Mapping[str, Any] = PICTURE, endpoint: str = "7b-image", headers: Mapping[str, str] = {}
    ) -> Reply:
        content = json.dumps(body).encode()
        return self.world.submit(ENDPOINTS[endpoint].path, {**HEADERS, **headers}, content)

    def accepted(self, body: Mapping[str, Any] = PICTURE, endpoint: str = "7b-image", **headers: str) -> str:
        reply = self.submit(body, endpoint, headers)
        assert reply.job, reply
        return reply.job.request_id

    def poll(self, request_id: str, after: float = 0.0) -> dict[str, Any]:
        self.now += after
        reply = self.world.status(request_id, HEADERS)
        assert reply.status == 200
        return dict(reply.body)

    def refused(self, body: Any, endpoint: str = "7b-image", **headers: str) -> str:
        reply = self.submit(body, endpoint, headers)
        assert reply.status == 400
        assert not self.jobs
        assert reply.body["error"] == "Bad Request"
        return reply.body["message"]


def test_a_submission_is_queued():
    """A submission is answered 202 with an id of its model, the word QUEUED and a polling URL on the same host."""
    bench = Bench()
    reply = bench.submit()
    assert reply.status == 202
    assert list(reply.body) == ["request_id", "status", "polling_url"]
    assert reply.body["status"] == "QUEUED"
    model, _, number = reply.body["request_id"].partition("_")
    assert model == "seedvr2-7b-upscale"
    assert [len(part) for part in number.split("-")] == [8, 4, 4, 4, 12]
    assert reply.body["polling_url"] == "http://127.0.0.1:8787/v2/requests/status/" + reply.body["request_id"]


def test_status_follows_the_clock():
    """A job is QUEUED for a third of its time, then PROCESSING, and COMPLETED from the instant that it is due."""
    bench = Bench()
    request_id = bench.accepted()
    assert bench.poll(request_id)["status"] == "QUEUED"
    assert bench.poll(request_id, 9.9)["status"] == "QUEUED"
    assert bench.poll(request_id, 0.2)["status"] == "PROCESSING"
    assert bench.poll(request_id, 19.8)["status"] == "PROCESSING"
    assert bench.poll(request_id, 0.2)["status"] == "COMPLETED"


def test_a_completed_7b_job_looks_like_the_reference():
    """A finished 7B job has the keys, the types and the two forms of an instant that the reference shows."""
    bench = Bench()
    request_id = bench.accepted()
    assert bench.poll(request_id, 111) == {
        "request_id": request_id,
        "status": "COMPLETED",
        "model_id": "seedvr2-7b-upscale",
        "error": None,
        "output": {
            "media_url": [f"http://127.0.0.1:8787/media/{request_id}/output.png"],
            "media_type": "image/png",
        },
        "created_at": "2026-05-22T13:17:32.110Z",
        "updated_at": "2026-05-22 13:18:02",
        "completed_at": "2026-05-22 13:18:02",
    }


def test_a_completed_3b_picture_is_blunt_about_its_type():
    """A finished 3B picture is `application/octet-stream` and `output.ext`, and its instants have the form with a T."""
    bench = Bench()
    request_id = bench.accepted({**PICTURE, "output_format": "jpg"}, "3b-image")
    body = bench.poll(request_id, 30.5)
    assert body["model_id"] == "seedvr-upscale"
    assert body["output"] == {
        "media_url": [f"http://127.0.0.1:8787/media/{request_id}/output.ext"],
        "media_type": "application/octet-stream",
    }
    assert body["completed_at"] == "2026-05-22T13:18:02.110Z"


def test_a_completed_video_is_an_mp4():
    """A finished video is `video/mp4` and `output.mp4`."""
    bench = Bench()
    request_id = bench.accepted(VIDEO, "3b-video")
    body = bench.poll(request_id, 31)
    assert body["output"]["media_type"] == "video/mp4"
    assert body["output"]["media_url"][0].endswith("/output.mp4")


def test_an_unfinished_job_has_no_result():
    """Before the end, output, error and completed_at are null, and updated_at is the last change."""
    bench = Bench()
    request_id = bench.accepted()
    body = bench.poll(request_id, 15)
    assert (body["output"], body["error"], body["completed_at"]) == (None, None, None)
    assert body["updated_at"] == "2026-05-22 13:17:42"


def test_due_without_result_is_still_processing():
    """A job that is due and has no result yet is PROCESSING until the result is there."""
    bench = Bench(instant=False)
    request_id = bench.accepted()
    assert bench.poll(request_id, 60)["status"] == "PROCESSING"
    bench.world.finish(request_id, file="output.webp", media_type="image/webp")
    body = bench.poll(request_id, 5)
    assert body["status"] == "COMPLETED"
    assert body["output"]["media_type"] == "image/webp"
    assert body["completed_at"] == "2026-05-22 13:18:32"


def test_a_result_that_cannot_be_made_is_an_error():
    """A job without a possible result ends ERROR, with the reason as text and no output."""
    bench = Bench(instant=False)
    request_id = bench.accepted()
    bench.world.finish(request_id, error="the source answered HTTP 404")
    body = bench.poll(request_id, 30)
    assert (body["status"], body["error"], body["output"]) == ("ERROR", "the source answered HTTP 404", None)


def test_the_first_result_counts():
    """A second result for the same job changes nothing."""
    bench = Bench(instant=False)
    request_id = bench.accepted()
    bench.world.finish(request_id, file="output.png", media_type="image/png")
    bench.world.finish(request_id, error="too late")
    assert bench.poll(request_id, 30)["status"] == "COMPLETED"


def test_an_unknown_id_is_404():
    """A status request for an id that nobody was given is answered 404 in the gateway's form of an error."""
    reply = Bench().world.status("seedvr-upscale_0", HEADERS)
    assert reply.status == 404
    assert set(reply.body) == {"error", "message"}


@pytest.mark.parametrize(
    ("key", "status"), [(None, 401), ("", 401), ("  ", 401), ("invalid-1", 401), ("forbidden-1", 403)]
)
def test_keys(key, status):
    """A missing, empty or `invalid` key is answered 401 and a `forbidden` one 403, on submissions and on polls."""
    bench = Bench()
    headers = {"host": "h"} if key is None else {"host": "h", "ocp-apim-subscription-key": key}
    body = json.dumps(PICTURE).encode()
    for reply in (bench.world.submit(ENDPOINTS["7b-image"].path, headers, body), bench.world.status("x", headers)):
        assert reply.status == status
        assert set(reply.body) == {"error", "message"}
    assert not bench.jobs


def test_an_unknown_path_is_an_unknown_model():
    """A submission to a path that is no endpoint's is answered as the reference's "Model not found"."""
    reply = Bench().world.submit("/seedvr9/image-request", HEADERS, b"{}")
    assert reply.status == 400
    assert reply.body == {"error": "Model not found", "message": "Model 'seedvr9' not found or is disabled"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"image_url": NaN}', b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_json_object(body):
    """A body that is not a JSON object is answered 400."""
    reply = Bench().world.submit(ENDPOINTS["7b-image"].path, HEADERS, body)
    assert reply.status == 400


@pytest.mark.parametrize(
    "url",
    [None, "", 7, [], "source.png", "ftp://a/b", "http://a.example/b.png", "https://", "https://a b", "file:a.png",
     "file://host/a.png", "data:image/png", "https://a\n/b"],
)  # fmt: skip
def test_sources_that_are_refused(url):
    """A source that is missing, no text, or no URL that the sandbox reads is answered 400 and named."""
    assert "image_url" in Bench().refused({"image_url": url})


@pytest.mark.parametrize(
    "url",
    ["https://a.example/b.png", "http://127.0.0.1:1/a", "http://localhost/a", "http://[::1]:1/a", "file:///a/b.png",
     "file://localhost/a/b.png", "data:image/png;base64,AAAA", "DATA:,x"],
)  # fmt: skip
def test_sources_that_are_taken(url):
    """https URLs are taken, http ones to this machine, and the sandbox's own file: and data: URLs."""
    assert Bench().submit({"image_url": url}).status == 202


def test_the_source_has_the_endpoints_key():
    """A video's source under `image_url` is a missing source."""
    assert "video_url" in Bench().refused(PICTURE, "3b-video")


REFUSED = [
    ("7b-image", "upscale_factor", [0.99, 8.01, "2", True, None, [2]]),
    ("7b-image", "res_w", [255, 4097, 1024.5, "1024", False]),
    ("7b-image", "res_h", [255, 4097, 1024.0, None]),
    ("7b-image", "output_format", ["jpg", "JPEG", "gif", 1, ["png"]]),
    ("7b-image", "noise_scale", [-0.1, 1.1, "0"]),
    ("7b-image", "seed", [-1, 2147483648, 1.5, "1", True]),
    ("7b-image", "job_id", [7, None]),
    ("3b-image", "upscale_factor", [0, 9]),
    ("3b-image", "upscale_mode", ["both", "Factor", None]),
    ("3b-image", "target_resolution", ["1080", "480p", 1080]),
    ("3b-image", "output_format", ["jpeg", "X264 (.mp4)"]),
    ("3b-image", "sync_mode", ["true", 1, None]),
    ("3b-image", "webhook", ["http://a.example/", "a", 7]),
    ("3b-image", "webhook_events_filter", ["completed", [], ["start"], [["completed"]], None]),
    ("3b-video", "upscale_factor", [0.5, 4.5]),
    ("3b-video", "target_resolution", ["1440p", "2160p"]),
    ("3b-video", "output_format", ["h264", "mp4", "X264"]),
    ("3b-video", "output_quality", ["best", "HIGH"]),
    ("3b-video", "output_write_mode", ["slow"]),
    ("3b-video", "webhook_events_filter", [["finished"]]),
]
TAKEN = [
    ("7b-image", "upscale_factor", [1, 8, 2.5]),
    ("7b-image", "res_w", [256, 4096]),
    ("7b-image", "output_format", ["jpeg", "png", "webp"]),
    ("7b-image", "noise_scale", [0, 1, 0.5]),
    ("7b-image", "seed", [0, 2147483647]),
    ("7b-image", "job_id", ["mine"]),
    ("7b-image", "sync_mode", ["not a parameter of 7B"]),
    ("7b-image", "no_such_key", [{"any": "thing"}]),
    ("3b-image", "output_format", ["jpg", "png", "webp"]),
    ("3b-image", "upscale_factor", [2]),
    ("3b-image", "target_resolution", ["720p", "1080p", "1440p", "2160p"]),
    ("3b-image", "sync_mode", [False]),
    ("3b-image", "webhook", ["https://a.example/hook", "http://127.0.0.1:1/hook"]),
    ("3b-image", "webhook_events_filter", [["*"], ["completed"]]),
    ("3b-video", "output_format", ["X264 (.mp4)", "H265 (.mp4)"]),
    ("3b-video", "output_quality", ["low", "medium", "high"]),
    ("3b-video", "output_write_mode", ["fast", "balanced", "quality"]),
    ("3b-video", "webhook_events_filter", [["start", "output", "completed"]]),
]


def _cases(table):
    return [(endpoint, name, value) for endpoint, name, values in table for value in values]


@pytest.mark.parametrize(("endpoint", "name", "value"), _cases(REFUSED))
def test_parameters_that_are_refused(endpoint, name, value):
    """A value out of the reference's range, or not in its spelling, is answered 400 and its key is named."""
    source = VIDEO if endpoint == "3b-video" else PICTURE
    assert f"'{name}'" in Bench().refused({**source, name: value}, endpoint)


@pytest.mark.parametrize(("endpoint", "name", "value"), _cases(TAKEN))
def test_parameters_that_are_taken(endpoint, name, value):
    """Every value of the reference is taken, and so are keys that it does not have."""
    source = VIDEO if endpoint == "3b-video" else PICTURE
    assert Bench().submit({**source, name: value}, endpoint).status == 202


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-webhook-url": "https://a.example/hook"}, 202),
        ({"x-webhook-url": "https://a.example/hook", "x-webhook-mode": "sync"}, 202),
        ({"x-webhook-url": "http://127.0.0.1:9/hook"}, 202),
        ({"x-webhook-url": "http://a.example/hook"}, 400),
        ({"x-webhook-url": "hook"}, 400),
        ({"x-webhook-url": "https://a.example/hook", "x-webhook-mode": "always"}, 400),
    ],
)
def test_webhook_headers(headers, status):
    """X-Webhook-URL must be https or this machine, and X-Webhook-Mode one of the reference's two words."""
    assert Bench().submit(headers=headers).status == status


def test_the_body_webhook_defaults_to_the_end():
    """A body webhook without a filter hears of `completed` alone, and is no parameter of the upscaling."""
    bench = Bench()
    request_id = bench.accepted({**PICTURE, "webhook": "https://a.example/"}, "3b-image")
    job = bench.jobs[request_id]
    assert (job.body_webhook, job.body_events, job.params) == ("https://a.example/", ["completed"], {})


def test_balance_runs_out():
    """A submission that the balance cannot pay for is answered 402 with the reference's body and not accepted."""
    bench = Bench(balance=2_000)
    bench.accepted()
    bench.accepted()
    reply = bench.submit()
    assert reply.status == 402
    assert reply.body == {
        "error": "Insufficient Balance",
        "message": "Your wallet does not have enough balance.",
    }
    assert len(bench.jobs) == 2


def test_error_gives_the_money_back():
    """What a job cost is there again once it has ended ERROR, and not before."""
    bench = Bench(balance=1_000, faults={"error": 1})
    bench.accepted()
    assert bench.submit().status == 402
    bench.now += 31
    assert bench.submit().status == 202


def test_failed_keeps_the_money():
    """What a job cost that ended FAILED stays spent."""
    bench = Bench(balance=1_000, faults={"fail": 1})
    bench.accepted()
    bench.now += 31
    assert bench.submit().status == 402


@pytest.mark.parametrize(
    ("extra", "price"),
    [
        ({}, 1_950_000),
        ({"upscale_factor": 2}, 1_950_000),
        ({"target_resolution": "720p"}, 120_000),
        ({"target_resolution": "1080p", "upscale_mode": "target"}, 680_000),
        ({"target_resolution": "720p", "upscale_mode": "factor"}, 1_950_000),
    ],
)
def test_videos_are_priced_by_their_target(extra, price):
    """A video costs the row of its target, and the dearest row where it has none."""
    bench = Bench()
    assert bench.jobs[bench.accepted({**VIDEO, **extra}, "3b-video")].price == price


def test_rate_limit():
    """Submissions and polls past the limit of a second are answered 429 with whole seconds in Retry-After."""
    bench = Bench(rate_limit=2)
    request_id = bench.accepted()
    bench.poll(request_id, 0.5)
    for reply in (bench.submit(), bench.world.status(request_id, HEADERS)):
        assert reply.status == 429
        assert reply.headers == {"Retry-After": "1"}
    bench.now += 0.6
    assert bench.submit().status == 202
    assert bench.submit().status == 429
    assert len(bench.jobs) == 2


def test_sync_mode_holds_the_answer():
    """With sync_mode the answer is held until the job is terminal, and is then 200."""
    reply = Bench().submit({**PICTURE, "sync_mode": True}, "3b-image")
    assert reply.held
    assert reply.status == 200
    assert reply.job
    assert reply.job.inline


def test_a_seed_reproduces_everything():
    """Two worlds with the same seed give the same ids, timings and fates, however often the one is polled."""
    faults = {"fail": 0.3, "error": 0.3, "stuck": 0.3, "odd-status": 0.5, "html": 0.5}
    first, second = Bench(spread=0.5, faults=faults), Bench(spread=0.5, faults=faults)
    for _ in range(20):
        request_id = first.accepted()
        first.world.status(request_id, HEADERS)
        second.accepted()
    assert first.jobs == second.jobs
    assert len({job.fate for job in first.jobs.values()}) == 4


def test_a_seed_used_again_gives_new_ids():
    """A second world with the same seed on the same jobs does not give an id that is taken."""
    bench = Bench()
    taken = bench.accepted()
    again = World(bench.jobs, SandboxSettings(instant=True), lambda: START, Random(1))
    reply = again.submit(ENDPOINTS["7b-image"].path, HEADERS, json.dumps(PICTURE).encode())
    assert reply.status == 202
    assert reply.body["request_id"] != taken


@given(spread=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_spread(spread, seed):
    """Latency varies by no more than the spread, and a third of it is always spent QUEUED."""
    jobs: dict[str, Job] = {}
    world = World(jobs, SandboxSettings(latency=30, spread=spread, instant=True), lambda: START, Random(seed))
    world.submit(ENDPOINTS["7b-image"].path, HEADERS, json.dumps(PICTURE).encode())
    (job,) = jobs.values()
    latency = job.due_at - job.created_at
    assert 30 * (1 - spread) - 0.001 <= latency <= 30 * (1 + spread) + 0.001
    assert job.queued_until - job.created_at == pytest.approx(latency / 3, abs=0.001)


@given(instant=st.floats(0, 4e9))
def test_instants_can_be_read_back(instant):
    """Both forms of an instant are read back to the second by the client's parser."""
    job = Job("seedvr2-7b-upscale_0", "7b-image", "", {}, 0, 0, instant, instant, instant, "FAILED", finished_at=0.0)
    for endpoint in ("7b-image", "3b-image"):
        job.endpoint = endpoint
        body = job.view(instant, "h")
        for name in ("created_at", "updated_at", "completed_at"):
            read = parse_timestamp(body[name])
            assert read
            assert abs(read.timestamp() - instant) <= 1


class TestFaults:
    """What each fault of the world does when it strikes every time."""

    def test_each_has_a_sentence(self):
        """Every fault is documented in one sentence."""
        assert all(sentence.endswith(".") for sentence in FAULTS.values())

    def test_unknown(self):
        """Settings with a fault that does not exist are refused, and the fault is named."""
        with pytest.raises(ValueError, match="lost-submitt"):
            SandboxSettings(faults={"lost-submitt": 1})

    def test_none(self):
        """A fault with probability 0 never strikes."""
        bench = Bench(faults=dict.fromkeys(FAULTS, 0.0))
        assert bench.poll(bench.accepted(), 30)["status"] == "COMPLETED"

    def test_probability(self):
        """A fault strikes about as often as its probability says."""
        bench = Bench(faults={"drop-submit": 0.3})
        assert 240 < sum(bench.submit().cut for _ in range(1000)) < 360

    def test_drop_submit(self):
        """drop-submit cuts the connection, and nothing is accepted."""
        bench = Bench(faults={"drop-submit": 1})
        assert bench.submit().cut
        assert not bench.jobs

    def test_lost_submit(self):
        """lost-submit accepts the job and cuts the connection."""
        bench = Bench(faults={"lost-submit": 1})
        assert bench.submit().cut
        assert len(bench.jobs) == 1

    def test_server_error(self):
        """server-error answers 500, and nothing is accepted."""
        bench = Bench(faults={"server-error": 1})
        assert bench.submit().status == 500
        assert not bench.jobs

    def test_busy(self):
        """Busy answers 503 with Retry-After: 1, and nothing is accepted."""
        bench = Bench(faults={"busy": 1})
        reply = bench.submit()
        assert (reply.status, reply.headers) == (503, {"Retry-After": "1"})
        assert not bench.jobs

    def test_garbled(self):
        """Garbled answers 202 with a body that is not JSON, and the job is accepted."""
        bench = Bench(faults={"garbled": 1})
        reply = bench.submit()
        assert reply.status == 202
        assert isinstance(reply.body, str)
        with pytest.raises(ValueError):
            json.loads(reply.body)
        assert len(bench.jobs) == 1

    def test_instant_complete(self):
        """instant-complete holds the answer for a job that is due at once."""
        bench = Bench(faults={"instant-complete": 1})
        reply = bench.submit()
        assert (reply.status, reply.held) == (200, True)
        assert reply.job
        assert bench.poll(reply.job.request_id)["status"] == "COMPLETED"

    @pytest.mark.parametrize(("fault", "status"), [("fail", "FAILED"), ("error", "ERROR")])
    def test_bad_ends(self, fault, status):
        """Fail and error end the job in that status when it is due, with a text and without output."""
        bench = Bench(faults={fault: 1})
        request_id = bench.accepted()
        assert bench.poll(request_id, 29)["error"] is None
        body = bench.poll(request_id, 1)
        assert body["status"] == status
        assert body["error"]
        assert body["output"] is None
        assert body["completed_at"]

    def test_stuck(self):
        """A stuck job is PROCESSING a year later, and nobody is asked to make its result."""
        bench = Bench(faults={"stuck": 1})
        request_id = bench.accepted()
        assert bench.poll(request_id, 365 * 86400)["status"] == "PROCESSING"
        assert not bench.jobs[request_id].wants_result

    def test_odd_status(self):
        """odd-status shows an unknown word for the middle third, and then goes on as usual."""
        bench = Bench(faults={"odd-status": 1})
        request_id = bench.accepted()
        words = [bench.poll(request_id, 5.0)["status"] for _ in range(6)]
        assert words == ["QUEUED", "WARMING_UP", "WARMING_UP", "PROCESSING", "PROCESSING", "COMPLETED"]

    def test_two_files(self):
        """two-files shows two different media URLs."""
        bench = Bench(faults={"two-files": 1})
        urls = bench.poll(bench.accepted(), 30)["output"]["media_url"]
        assert [url.rpartition("/")[2] for url in urls] == ["output.png", "output-2.png"]

    def test_duplicate_webhook(self):
        """duplicate-webhook has every call made twice."""
        bench = Bench(faults={"duplicate-webhook": 1})
        assert bench.jobs[bench.accepted()].webhook_copies == 2

    def test_html(self):
        """Html answers polls 502 with a page."""
        bench = Bench(faults={"html": 1})
        reply = bench.world.status(bench.accepted(), HEADERS)
        assert (reply.status, reply.headers) == (502, {"Content-Type": "text/html"})
        assert "<html>" in reply.body

    def test_drop_poll(self):
        """drop-poll cuts the connection of a poll."""
        bench = Bench(faults={"drop-poll": 1})
        assert bench.world.status(bench.accepted(), HEADERS).cut

    def test_cut_media(self):
        """cut-media cuts the first download of each file, and neither a later one nor a resumed one."""
        world = Bench(faults={"cut-media": 1}).world
        assert [world.media("/a", resumed=False).cut for _ in range(2)] == [True, False]
        assert not world.media("/b", resumed=True).cut

    def test_no_range_and_slow_media(self):
        """no-range and slow-media hold for every download."""
        world = Bench(faults={"no-range": 1, "slow-media": 1}).world
        plan = world.media("/a", resumed=True)
        assert (plan.ranges, plan.bytes_per_second) == (False, 65536)

    @pytest.mark.parametrize("fault", ["error-page", "empty-media"])
    def test_useless_media(self, fault):
        """error-page and empty-media with probability 1 hold for every download, and with less let some through."""
        always, sometimes = Bench(faults={fault: 1}).world, Bench(faults={fault: 0.5}).world
        useless = [plan.page or plan.empty for plan in (always.media("/a", resumed=False) for _ in range(9))]
        assert all(useless)
        plans = [sometimes.media("/a", resumed=False) for _ in range(99)]
        assert {plan.page or plan.empty for plan in plans} == {True, False}


ETAG = '"5e-9"'


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 8)),
        ("bytes=2-99", (2, 8)),
        ("bytes=-3", (7, 3)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=\u0663-", None),
    ],
)
def test_ranges(header, span):
    """One satisfiable range is served, and anything that is no such range gets the whole file."""
    found = wanted_span({} if header is None else {"range": header}, 10, ETAG)
    assert (found and (found.start, found.length)) == span


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=99-100", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_ranges_behind_the_end(header, size):
    """A range without a byte of the file in it cannot be satisfied."""
    with pytest.raises(Unsatisfiable):
        wanted_span({"range": header}, size, ETAG)


@pytest.mark.parametrize(("validator", "served"), [(ETAG, True), ('"5e-8"', False), (f"W/{ETAG}", False)])
def test_if_range(validator, served):
    """A range with If-Range is served where the validator is the file's own strong tag, and else the whole file."""
    assert (wanted_span({"range": "bytes=1-", "if-range": validator}, 10, ETAG) is not None) is served


@given(first=st.integers(0, 20), last=st.integers(0, 20), size=st.integers(0, 20))
def test_a_range_is_what_slicing_says(first, last, size):
    """A range's bytes are those that the same slice of the content has."""
    content = bytes(range(size))
    try:
        span = wanted_span({"range": f"bytes={first}-{last}"}, size, ETAG)
    except Unsatisfiable:
        assert not content[first:]
        return
    if span is None:
        assert last < first
    else:
        assert content[span.start : span.start + span.length] == content[first : last + 1]
