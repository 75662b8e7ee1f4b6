"""`seedvr video` over the real command."""

import pytest
from helpers.sources import new_url

pytestmark = pytest.mark.slow

URL = "https://example.com/my-video.mp4"


def test_the_default_is_the_source_alone(run):
    """Without options the request is 3B video's, and its body holds the source alone."""
    done = run("video", URL, "--dry-run", "--json", key=None)
    assert done.object["request"] == {
        "method": "POST",
        "url": "https://gateway.pixazo.ai/seedvr-upscale/v1/upscale-video/generate",
        "headers": {},
        "body": {"video_url": URL},
    }


def test_every_flag_reaches_the_wire(run):
    """Each flag of video is sent under the vendor's key and in its spelling, and the mode with the target."""
    flags = "--target 720p -f h265 --noise 0.2 --seed 0 --quality high --write-mode balanced --webhook-mode terminal"
    hooks = "--webhook https://a.example.com --body-webhook https://b.example.com --body-webhook-events start,output"
    done = run("video", URL, *flags.split(), *hooks.split(), "-p", "fps=30", "--dry-run", "--json", key=None)
    assert done.object["request"]["body"] == {
        "video_url": URL,
        "target_resolution": "720p",
        "upscale_mode": "target",
        "output_format": "H265 (.mp4)",
        "noise_scale": 0.2,
        "seed": 0,
        "output_quality": "high",
        "output_write_mode": "balanced",
        "webhook": "https://b.example.com",
        "webhook_events_filter": ["start", "output"],
        "fps": 30,
    }
    assert done.object["request"]["headers"] == {
        "X-Webhook-URL": "https://a.example.com",
        "X-Webhook-Mode": "terminal",
    }


def test_the_price_before_the_result_is_known(bench):
    """A dry run shows the price of the target, and the dearest row where the output's resolution is not known."""
    prices = {"--target 720p": 0.12, "--target 1080p": 0.68, "-x 2": 1.95, "": 1.95}
    ends = bench.run_all(*(["video", URL, *words.split(), "--dry-run", "--json"] for words in prices), key=None)
    assert [done.object["price_usd"] for done in ends] == list(prices.values())


def test_a_usage_error_is_one_line(bench):
    """Bad usage of video ends with 2 and one line that names what is wrong."""
    usage = {
        "-x 5": "1-4",
        "--target 1440p": "720p, 1080p",
        "--quality best": "low, medium, high",
        "--write-mode slow": "fast, balanced, quality",
        "-f png": "h264, h265",
        "--body-webhook http://b.example.com": "https",
        "--body-webhook-events finished": "completed",
        "--width 512": "--width",
        "--model 7b": "--model",
    }
    ends = bench.run_all(*(["video", URL, *words.split()] for words in usage))
    assert [(done.rc, done.stdout, done.stderr.count("\n")) for done in ends] == [(2, "", 1)] * len(usage)
    assert [names for names, done in zip(usage.values(), ends, strict=True) if names not in done.stderr] == []


def test_a_picture_is_no_video(run, photo):
    """A picture given to video is a usage error that names the command for it."""
    done = run("video", photo, "--sandbox", key=None)
    assert done.rc == 2
    assert "seedvr image" in done.stderr


def test_a_local_clip_through_the_sandbox(run, clip, work):
    """With --sandbox a local clip is upscaled for real, named after its scale, and priced by its resolution."""
    done = run("video", clip, "-x", "2", "--quality", "low", "--write-mode", "fast", "--json", "--sandbox", key=None)
    assert done.rc == 0, done.stderr
    (file,) = done.object["files"]
    assert (file["path"], file["media_type"], file["width"], file["height"]) == ("clip-2x.mp4", "video/mp4", 640, 360)
    assert (work / "clip-2x.mp4").stat().st_size == file["bytes"]
    assert (done.object["endpoint"], done.object["price_usd"]) == ("3b-video", 0.12)


def test_names_and_codecs(run, sandbox, work):
    """A video is named after its target, paid once, and H.265 is delivered where it is asked for."""
    url = new_url("film.mov")
    for _ in range(2):
        done = run("video", url, "--target", "1080p", "-f", "h265", to=sandbox)
        assert (done.rc, done.stdout) == (0, "film-1080p.mp4\n"), done.stderr
    assert sandbox.accepted(url) == 1
    assert b"hvc1" in (work / "film-1080p.mp4").read_bytes()


def test_help_shows_every_flag(run):
    """--help of video names each of its options, and not those of pictures alone."""
    text = run("video", "--help").stdout
    flags = """--scale --target --format --noise --seed --quality --write-mode --webhook --webhook-mode --body-webhook
        --body-webhook-events --param --output --max-cost --timeout --retry-failed --new --dry-run --api-key-file"""
    for flag in flags.split():
        assert flag in text
    assert "--sync" not in text
    assert "--job-id" not in text
