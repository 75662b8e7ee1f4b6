"""The gateway's traps, one test a row, in the order of the table that lists them."""

import base64
import re

import pytest
from fakes.gateway import Reply
from helpers.sources import new_url

pytestmark = pytest.mark.slow


def dry(bench, *commands):
    """The body that each command would send."""
    ends = bench.run_all(*([*words, "--dry-run", "--json"] for words in commands), key=None)
    return [done.object["request"]["body"] for done in ends]


def test_model_id_does_not_tell_3b_pictures_from_3b_videos(run, gateway):
    """Jobs of 3B picture and 3B video keep our own endpoint's name, though the gateway gives both one model_id."""
    fake = gateway(lambda heard: fake.view(heard, model_id="seedvr-upscale") if heard in fake.polls() else None)
    picture = run("image", new_url(), "--model", "3b", "--no-download", "--json", to=fake).object
    video = run("video", new_url("a.mp4"), "--target", "720p", "--no-download", "--json", to=fake).object
    assert (picture["endpoint"], video["endpoint"]) == ("3b-image", "3b-video")
    listed = {
        one["request_id"]: (one["endpoint"], one["price_usd"]) for one in run("status", "--json", to=fake).objects
    }
    assert listed == {picture["request_id"]: ("3b-image", 0.001), video["request_id"]: ("3b-video", 0.12)}


def test_output_format_is_spelled_for_each_endpoint(bench):
    """Whichever spelling the user has, each endpoint gets its own."""
    spelled = {
        "image -f jpg": "jpeg",
        "image -f jpeg": "jpeg",
        "image --model 3b -f jpeg": "jpg",
        "video -f x264": "X264 (.mp4)",
        "video -f h264": "X264 (.mp4)",
        "video -f h265": "H265 (.mp4)",
    }
    bodies = dry(bench, *([*words.split(), "https://example.com/source"] for words in spelled))
    assert [body["output_format"] for body in bodies] == list(spelled.values())


def test_noise_is_one_flag_and_the_help_says_what_it_does(run, bench):
    """--noise is noise_scale on both models, and the help says that 7B adds detail and 3B smooths."""
    noisy = ["image", "https://example.com/a.png", "--noise", "0.3"]
    assert [body["noise_scale"] for body in dry(bench, noisy, [*noisy, "--model", "3b"])] == [0.3, 0.3]
    text = " ".join(run("image", "--help").stdout.split())
    assert re.search(r"7B: adds synthetic detail.*3B: smooths", text)


def test_size_flags_belong_to_their_endpoint(bench):
    """The client sets upscale_mode itself, and a size flag that an endpoint lacks names the endpoint that has it."""
    url = "https://example.com/a.png"
    (body,) = dry(bench, ["image", url, "--model", "3b", "--target", "1080p"])
    assert body == {"image_url": url, "target_resolution": "1080p", "upscale_mode": "target"}
    target, width = bench.run_all(
        ["image", url, "--target", "1080p"], ["image", url, "--model", "3b", "--width", "512"]
    )
    assert (target.rc, width.rc) == (2, 2)
    assert "3b-image" in target.stderr
    assert "7b-image" in width.stderr


def test_a_video_is_priced_by_its_output(run, bench, gateway, clip):
    """Videos take the targets 720p and 1080p alone, and cost what their output's resolution costs."""
    targets = ("1440p", "2160p")
    ends = bench.run_all(*(["video", "https://example.com/a.mp4", "--target", target] for target in targets))
    assert [done.rc for done in ends] == [2, 2]
    fake = gateway()
    fake.picture = clip.read_bytes()  # 320 x 180
    done = run("video", new_url("a.mp4"), "-x", "2", "--json", to=fake)
    assert done.rc == 0, done.stderr
    assert done.object["price_usd"] == 0.12


def test_failed_may_be_charged_and_error_is_not(run, gateway):
    """ERROR counts as not charged and is sent again; FAILED counts as maybe charged and is not."""
    words = {new_url("failed.png"): "FAILED", new_url("error.png"): "ERROR"}
    fake = gateway(lambda heard: fake.view(heard, words[heard.source]) if heard in fake.polls() else None)
    for _ in range(2):
        done = run("image", *words, "--json", to=fake)
        assert {words[one["source"]]: one["charge"] for one in done.objects} == {
            "FAILED": "maybe",
            "ERROR": "not_charged",
        }
    assert [len(fake.posts(source)) for source in words] == [1, 2]


def test_both_forms_of_an_instant_are_read(run, gateway, url):
    """An instant with T and Z and one with a space are both UTC."""
    times = {"created_at": "2026-05-22T13:17:32.110Z", "completed_at": "2026-05-22 13:19:23"}
    fake = gateway(lambda heard: fake.view(heard, **times) if heard in fake.polls() else None)
    value = run("image", url, "--json", to=fake, env={"TZ": "Asia/Tokyo"}).object
    assert (value["submitted_at"], value["completed_at"], value["elapsed_s"]) == (
        "2026-05-22T13:17:32.110Z",
        "2026-05-22T13:19:23.000Z",
        110.89,
    )


def test_the_type_is_that_of_the_first_bytes(run, sandbox, url):
    """A result called application/octet-stream and output.ext is named and typed by its first bytes."""
    done = run("image", url, "--model", "3b", "-f", "webp", "--json", to=sandbox)
    value = done.object
    assert value["media_type"] == "application/octet-stream"
    assert value["media_url"][0].endswith("/output.ext")
    assert [(file["path"], file["media_type"]) for file in value["files"]] == [("photo-upscaled.webp", "image/webp")]


def test_a_data_uri_is_a_result(run, sandbox, work, url):
    """--sync's data URI is decoded and saved like any media, once."""
    for _ in range(2):
        done = run("image", url, "--model", "3b", "--sync", to=sandbox)
        assert (done.rc, done.stdout) == (0, "photo-upscaled.png\n"), done.stderr
    assert (work / "photo-upscaled.png").read_bytes().startswith(b"\x89PNG")
    assert sandbox.accepted(url) == 1


def test_a_submission_may_be_answered_with_the_result(run, gateway):
    """Any 2xx with a status is an answer, even one that is COMPLETED at once, with a data URI or without."""
    inside, outside = new_url("inside.png"), new_url("outside.png")

    def script(heard):
        if heard.method != "POST":
            return None
        status, media = 201, f"{fake.url}/media/a.png"
        if heard.source == inside:
            status, media = 200, "data:image/png;base64," + base64.b64encode(fake.picture).decode()
        body = {"request_id": heard.source, "status": "COMPLETED", "output": {"media_url": [media]}}
        return Reply(status, body)

    fake = gateway(script)
    done = run("image", inside, outside, to=fake)
    assert (done.rc, sorted(done.lines)) == (0, ["inside-upscaled.png", "outside-upscaled.png"]), done.stderr
    assert fake.polls() == []


def test_every_media_url_is_delivered(run, sandbox_server, work, url):
    """A result of two files is delivered as NAME and NAME-2, both printed, now and the next time."""
    server = sandbox_server("--latency", "0s", "--instant", "--fault", "two-files")
    for _ in range(2):
        done = run("image", url, "-x", "2", to=server)
        assert (done.rc, done.lines) == (0, ["photo-2x.png", "photo-2x-2.png"])
    assert (work / "photo-2x.png").read_bytes() == (work / "photo-2x-2.png").read_bytes()
    assert server.accepted() == 1


def test_an_unknown_word_is_still_running(run, gateway, url):
    """A word that nobody knows, a missing error and strange fields are no end of a job; the word is kept as text."""
    left = [2]

    def script(heard):
        if heard not in fake.polls():
            return None
        if left[0]:
            left[0] -= 1
            body = {"request_id": heard.request_id, "status": "WARMING_UP", "eta": [1, {"a": None}]}
            return Reply(200, body)
        media = {"media_url": f"{fake.url}/media/a.png", "bits": 8}
        return Reply(200, {"request_id": heard.request_id, "status": "completed", "output": media, "eta": 0})

    fake = gateway(script)
    waiting = run("image", url, "--timeout", "0s", "--no-download", "--json", to=fake)
    assert waiting.rc == 6
    left[0] = 1
    seen = run("status", waiting.object["request_id"], "--json", to=fake)
    assert (seen.rc, seen.object["status"], seen.object["extra"]) == (6, "WARMING_UP", {"eta": [1, {"a": None}]})
    done = run("image", url, "--json", to=fake)
    assert done.rc == 0, done.stderr
    assert (done.object["status"], done.object["error"]) == ("COMPLETED", None)
    assert done.object["extra"] == {"eta": 0, "output": {"bits": 8}}


def test_an_error_body_is_one_line_with_its_status(run, gateway):
    """Whatever an error's body is, the user gets one line with what there is and the HTTP status."""
    page = b"<html><head><title>x</title></head>\n<body><h1>Bad\nrequest</h1></body></html>"
    bodies = {
        new_url(): (b'{"error": "Bad Request", "message": "Your body"}', "HTTP 400: Bad Request: Your body"),
        new_url(): (page, "HTTP 400: Bad request"),
        new_url(): (b"", "HTTP 400"),
    }
    fake = gateway(lambda heard: Reply(400, bodies[heard.source][0]))
    done = run("image", *bodies, "-q", to=fake)
    assert done.rc == 1
    lines = {line.split(": ")[1]: line for line in done.stderr.splitlines()}
    assert set(lines) >= set(bodies)
    assert [lines[source] for source, (_, says) in bodies.items() if not lines[source].endswith(says)] == []


def test_the_key_goes_to_the_gateway_alone(run, gateway):
    """The key goes to the gateway's origin, and neither to the CDN, nor along a redirect, nor to a polling_url."""
    cdn = gateway(lambda heard: Reply(200, cdn.picture) if heard.method == "GET" else None)
    moved, direct, redirected = new_url("moved.png"), new_url("direct.png"), new_url("redirected.png")

    def script(heard):
        if heard.method == "POST":
            return fake.accept(heard.source, polling_url=f"{cdn.url}/v2/requests/status/stolen")
        if heard.source == moved:
            return Reply(302, b"", {"Location": f"{cdn.url}{heard.path}"})
        if heard.source == direct:
            return fake.view(heard, output={"media_url": [f"{cdn.url}/direct.png"]})
        if heard.source == redirected:
            return fake.view(heard, output={"media_url": [f"{fake.url}/hop.png"]})
        return Reply(302, b"", {"Location": f"{cdn.url}/redirected.png"}) if heard.path == "/hop.png" else None

    fake = gateway(script)
    done = run("image", moved, direct, redirected, "--timeout", "3s", to=fake, key="sk-for-the-gateway-only")
    assert sorted(done.lines) == ["direct-upscaled.png", "redirected-upscaled.png"], done.stderr
    assert {one.path for one in cdn.heard} >= {"/direct.png", "/redirected.png"}
    assert [one.path for one in cdn.heard if "sk-for-the-gateway-only" in f"{one.headers} {one.path}"] == []
    assert "/v2/requests/status/stolen" not in {one.path for one in cdn.heard}
    told = [one for one in fake.heard if one.headers.get("ocp-apim-subscription-key") == "sk-for-the-gateway-only"]
    assert len(told) == len(fake.posts()) + len(fake.polls())


def test_plain_http_is_for_this_machine(run, gateway, bench, url):
    """http is refused for the gateway, the source, the webhook and the media, and taken on loopback."""
    refused = bench.run_all(
        ["image", url, "--base-url", "http://gateway.pixazo.ai"],
        ["image", url, {"env": {"SEEDVR_BASE_URL": "http://gateway.pixazo.ai"}}],
        ["image", "http://example.com/a.png", "--sandbox"],
        ["image", url, "--webhook", "http://example.com/hook", "--sandbox"],
    )
    assert [(done.rc, "https" in done.stderr) for done in refused] == [(2, True)] * 4
    media = {"media_url": ["http://192.0.2.1/a.png"]}
    fake = gateway(lambda heard: fake.view(heard, output=media) if heard in fake.polls() else None)
    done = run("image", url, to=fake)
    assert (done.rc, bench.files()) == (1, [])
    assert "neither https nor local" in done.stderr


def test_429_is_a_refusal_and_is_sent_again(bench, gateway):
    """429 with Retry-After, to a submission or a poll, is waited out, and the job is paid once."""

    def refusing_the_first(method):
        def script(heard):
            first = heard.method == method and [one.method for one in fake.heard].count(method) == 1
            return Reply(429, b"slow down", {"Retry-After": "1"}) if first else None

        fake = gateway(script)
        return fake

    at_submission, at_poll = refusing_the_first("POST"), refusing_the_first("GET")
    ends = bench.run_all(
        ["image", new_url(), "--no-wait", {"to": at_submission}],
        ["image", new_url(), "--no-download", {"to": at_poll}],
    )
    assert [done.rc for done in ends] == [0, 0]
    assert [(len(fake.posts()), len(fake.polls())) for fake in (at_submission, at_poll)] == [(2, 0), (1, 2)]
    for first, second in (at_submission.posts(), at_poll.polls()):
        assert second.at - first.at >= 1.0


def test_the_webhook_flags_are_headers_and_3b_has_others_in_its_body(bench):
    """--webhook sets the headers of every endpoint, --body-webhook 3B's own key, and both may be used at once."""
    url, body = "https://example.com/a.png", ["--body-webhook", "https://b.example.com"]
    done, wrong = bench.run_all(
        ["image", url, "--model", "3b", "--webhook", "https://a.example.com", *body, "--dry-run", "--json"],
        ["image", url, *body],
    )
    request = done.object["request"]
    assert request["headers"] == {"X-Webhook-URL": "https://a.example.com"}
    assert request["body"] == {"image_url": url, "webhook": "https://b.example.com"}
    assert wrong.rc == 2
    assert "3b-image" in wrong.stderr
