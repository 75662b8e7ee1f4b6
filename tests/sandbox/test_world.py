"""The sandbox's world: the contract as a pure state machine, with a clock that is set by hand."""

import json
from random import Random

import pytest
from helpers.world import HEADERS, PICTURE, START, VIDEO, WorldBench
from hypothesis import given
from hypothesis import strategies as st

from seedvr_cli.sandbox.job import Job
from seedvr_cli.sandbox.settings import SandboxSettings
from seedvr_cli.sandbox.world import World
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.schedule import parse_timestamp


def test_a_submission_is_queued():
    """A submission is answered 202 with an id of its model, the word QUEUED and a polling URL on the same host."""
    bench = WorldBench()
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
    bench = WorldBench()
    request_id = bench.accepted()
    assert bench.poll(request_id)["status"] == "QUEUED"
    assert bench.poll(request_id, 9.9)["status"] == "QUEUED"
    assert bench.poll(request_id, 0.2)["status"] == "PROCESSING"
    assert bench.poll(request_id, 19.8)["status"] == "PROCESSING"
    assert bench.poll(request_id, 0.2)["status"] == "COMPLETED"


def test_a_completed_7b_job_looks_like_the_reference():
    """A finished 7B job has the keys, the types and the two forms of an instant that the reference shows."""
    bench = WorldBench()
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
    bench = WorldBench()
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
    bench = WorldBench()
    request_id = bench.accepted(VIDEO, "3b-video")
    body = bench.poll(request_id, 31)
    assert body["output"]["media_type"] == "video/mp4"
    assert body["output"]["media_url"][0].endswith("/output.mp4")


def test_an_unfinished_job_has_no_result():
    """Before the end, output, error and completed_at are null, and updated_at is the last change."""
    bench = WorldBench()
    request_id = bench.accepted()
    body = bench.poll(request_id, 15)
    assert (body["output"], body["error"], body["completed_at"]) == (None, None, None)
    assert body["updated_at"] == "2026-05-22 13:17:42"


def test_due_without_result_is_still_processing():
    """A job that is due and has no result yet is PROCESSING until the result is there."""
    bench = WorldBench(instant=False)
    request_id = bench.accepted()
    assert bench.poll(request_id, 60)["status"] == "PROCESSING"
    bench.world.finish(request_id, file="output.webp", media_type="image/webp")
    body = bench.poll(request_id, 5)
    assert body["status"] == "COMPLETED"
    assert body["output"]["media_type"] == "image/webp"
    assert body["completed_at"] == "2026-05-22 13:18:32"


def test_a_result_that_cannot_be_made_is_an_error():
    """A job without a possible result ends ERROR, with the reason as text and no output."""
    bench = WorldBench(instant=False)
    request_id = bench.accepted()
    bench.world.finish(request_id, error="the source answered HTTP 404")
    body = bench.poll(request_id, 30)
    assert (body["status"], body["error"], body["output"]) == ("ERROR", "the source answered HTTP 404", None)


def test_the_first_result_counts():
    """A second result for the same job changes nothing."""
    bench = WorldBench(instant=False)
    request_id = bench.accepted()
    bench.world.finish(request_id, file="output.png", media_type="image/png")
    bench.world.finish(request_id, error="too late")
    assert bench.poll(request_id, 30)["status"] == "COMPLETED"


def test_an_unknown_id_is_404():
    """A status request for an id that nobody was given is answered 404 in the gateway's form of an error."""
    reply = WorldBench().world.status("seedvr-upscale_0", HEADERS)
    assert reply.status == 404
    assert set(reply.body) == {"error", "message"}


@pytest.mark.parametrize(
    ("key", "status"), [(None, 401), ("", 401), ("  ", 401), ("invalid-1", 401), ("forbidden-1", 403)]
)
def test_keys(key, status):
    """A missing, empty or `invalid` key is answered 401 and a `forbidden` one 403, on submissions and on polls."""
    bench = WorldBench()
    headers = {"host": "h"} if key is None else {"host": "h", "ocp-apim-subscription-key": key}
    body = json.dumps(PICTURE).encode()
    for reply in (bench.world.submit(ENDPOINTS["7b-image"].path, headers, body), bench.world.status("x", headers)):
        assert reply.status == status
        assert set(reply.body) == {"error", "message"}
    assert not bench.jobs


def test_an_unknown_path_is_an_unknown_model():
    """A submission to a path that is no endpoint's is answered as the reference's "Model not found"."""
    reply = WorldBench().world.submit("/seedvr9/image-request", HEADERS, b"{}")
    assert reply.status == 400
    assert reply.body == {"error": "Model not found", "message": "Model 'seedvr9' not found or is disabled"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"image_url": NaN}', b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_json_object(body):
    """A body that is not a JSON object is answered 400."""
    reply = WorldBench().world.submit(ENDPOINTS["7b-image"].path, HEADERS, body)
    assert reply.status == 400


def test_the_body_webhook_defaults_to_the_end():
    """A body webhook without a filter hears of `completed` alone, and is no parameter of the upscaling."""
    bench = WorldBench()
    request_id = bench.accepted({**PICTURE, "webhook": "https://a.example/"}, "3b-image")
    job = bench.jobs[request_id]
    assert (job.body_webhook, job.body_events, job.params) == ("https://a.example/", ["completed"], {})


def test_balance_runs_out():
    """A submission that the balance cannot pay for is answered 402 with the reference's body and not accepted."""
    bench = WorldBench(balance=2_000)
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
    bench = WorldBench(balance=1_000, faults={"error": 1})
    bench.accepted()
    assert bench.submit().status == 402
    bench.now += 31
    assert bench.submit().status == 202


def test_failed_keeps_the_money():
    """What a job cost that ended FAILED stays spent."""
    bench = WorldBench(balance=1_000, faults={"fail": 1})
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
    bench = WorldBench()
    assert bench.jobs[bench.accepted({**VIDEO, **extra}, "3b-video")].price == price


def test_rate_limit():
    """Submissions and polls past the limit of a second are answered 429 with whole seconds in Retry-After."""
    bench = WorldBench(rate_limit=2)
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
    reply = WorldBench().submit({**PICTURE, "sync_mode": True}, "3b-image")
    assert reply.held
    assert reply.status == 200
    assert reply.job
    assert reply.job.inline


def test_a_seed_reproduces_everything():
    """Two worlds with the same seed give the same ids, timings and fates, however often the one is polled."""
    faults = {"fail": 0.3, "error": 0.3, "stuck": 0.3, "odd-status": 0.5, "html": 0.5}
    first, second = WorldBench(spread=0.5, faults=faults), WorldBench(spread=0.5, faults=faults)
    for _ in range(20):
        request_id = first.accepted()
        first.world.status(request_id, HEADERS)
        second.accepted()
    assert first.jobs == second.jobs
    assert len({job.fate for job in first.jobs.values()}) == 4


def test_a_seed_used_again_gives_new_ids():
    """A second world with the same seed on the same jobs does not give an id that is taken."""
    bench = WorldBench()
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
