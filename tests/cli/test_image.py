"""`seedvr image` over the real command: flags, names and files."""

import itertools
import json
import os
import re

import pytest
from fakes.gateway import FakeGateway, Reply
from helpers.sources import new_url

pytestmark = pytest.mark.slow

URL = "https://your-cdn.com/source.png"


def dry(run, *args, **how):
    """The request that would be sent, from --dry-run --json."""
    done = run("image", *args, "--dry-run", "--json", key=None, **how)
    assert done.rc == 0, done.stderr
    return done.object["request"]


# Requests


def test_the_default_is_7b_with_nothing_that_was_not_asked_for(run):
    """Without options the request is 7B's, and its body holds the source alone."""
    assert dry(run, URL) == {
        "method": "POST",
        "url": "https://gateway.pixazo.ai/seedvr2-7b-upscale/image-request",
        "headers": {},
        "body": {"image_url": URL},
    }


def test_every_flag_of_7b_reaches_the_wire(run):
    """Each flag that 7B takes is sent under the vendor's key, in the vendor's type and spelling."""
    flags = "-x 4 --width 2048 --height 1024 -f jpg --noise 0.5 --seed 7 --job-id mine"
    hooks = "--webhook https://hook.example.com/a --webhook-mode sync"
    request = dry(run, URL, *flags.split(), *hooks.split(), "-p", "tiles=[1,2]", "-p", "note=a b", "-p", "deep=true")
    assert request["body"] == {
        "image_url": URL,
        "upscale_factor": 4,
        "res_w": 2048,
        "res_h": 1024,
        "output_format": "jpeg",
        "noise_scale": 0.5,
        "seed": 7,
        "job_id": "mine",
        "tiles": [1, 2],
        "note": "a b",
        "deep": True,
    }
    assert request["headers"] == {"X-Webhook-URL": "https://hook.example.com/a", "X-Webhook-Mode": "sync"}


def test_every_flag_of_3b_reaches_the_wire(run):
    """Each flag that 3B takes is sent under the vendor's key, and the upscale mode with the target."""
    flags = "--model 3b --target 1440p -f jpg --noise 0.1 --seed 2147483647 --sync"
    hooks = "--body-webhook https://hook.example.com/b --body-webhook-events completed"
    request = dry(run, URL, *flags.split(), *hooks.split())
    assert request["url"] == "https://gateway.pixazo.ai/seedvr-upscale/v1/upscale-image/generate"
    assert request["body"] == {
        "image_url": URL,
        "target_resolution": "1440p",
        "upscale_mode": "target",
        "output_format": "jpg",
        "noise_scale": 0.1,
        "seed": 2147483647,
        "sync_mode": True,
        "webhook": "https://hook.example.com/b",
        "webhook_events_filter": ["completed"],
    }
    assert request["headers"] == {}


def test_the_wire_is_what_the_dry_run_said(run, gateway, url):
    """The POST that arrives has the path, the headers and the body that --dry-run printed, and the key."""
    fake = gateway()
    flags = ["-x", "1.5", "--webhook", "https://hook.example.com/a", "-p", "free=1"]
    said = dry(run, url, *flags, to=fake)
    assert run("image", url, *flags, to=fake).rc == 0
    (post,) = fake.posts()
    assert fake.url + post.path == said["url"]
    assert post.json == said["body"]
    assert post.headers["x-webhook-url"] == said["headers"]["X-Webhook-URL"]
    assert post.headers["ocp-apim-subscription-key"] == "test-key-0123456789"
    assert post.headers["content-type"] == "application/json"


def test_a_dry_run_needs_no_key_and_no_network(run, bench):
    """--dry-run prints each request and its list price, asks nobody and leaves nothing behind."""
    done = run(
        "image", URL, "https://example.com/b.png", "--dry-run", key=None, env={"HTTPS_PROXY": "http://127.0.0.1:9"}
    )
    assert done.rc == 0
    assert [line.split("\t")[0] for line in done.lines] == ["$0.001", "$0.001"]
    assert [json.loads(line.split("\t")[2]) for line in done.lines] == [
        {"image_url": URL},
        {"image_url": "https://example.com/b.png"},
    ]
    assert "$0.002" in done.stderr
    assert (bench.files(), os.listdir(bench.home)) == ([], [])


# Words after a good SOURCE, and what the line has to name.
USAGE = {
    "-x 9": "1-8",
    "--width 255": "256-4096",
    "--seed 2147483648": "0-2147483647",
    "-f gif": "webp",
    "--model 9b": "7b, 3b",
    "--sync": "3b-image",
    "--model 3b --job-id a": "7b-image",
    "--model 3b --target 999p": "2160p",
    "--model 3b --target 720p -x 2": "--target",
    "--webhook http://hook.example.com/": "https",
    "--webhook-mode sync": "--webhook",
    "-p novalue": "KEY=VALUE",
    "-j 0": "--jobs",
    "--timeout soon": "--timeout",
    "--max-cost much": "--max-cost",
    "--no-wait --no-download": "--no-download",
    "https://example.com/2.png -o one.png": "one.png",
    "https://example.com/2.png -o -": "standard output",
    "no-such-file.png": "no-such-file.png",
    "-o {stam}.png": "stem",
    "-o {target}.png": "target",
    "-o - --json": "--json",
    "-o - --no-wait": "--no-wait",
    "--no-such-flag": "--no-such-flag",
}


@pytest.fixture(scope="module")
def refusals(module_bench):
    """How each of them ended, with a gateway that must hear nothing."""
    fake = FakeGateway()
    commands = [["image", URL, *words.split(), {"to": fake}] for words in USAGE]
    ends = dict(zip(USAGE, module_bench.run_all(*commands), strict=True))
    fake.close()
    assert fake.heard == []
    return ends


@pytest.mark.parametrize("words", USAGE)
def test_a_usage_error_is_one_line_and_submits_nothing(refusals, words):
    """Bad usage ends with 2 and one line that names what is wrong, before anything is asked of the gateway."""
    done = refusals[words]
    assert done.rc == 2
    assert len(done.objects) == 1 if "--json" in words.split() else done.stdout == ""
    assert USAGE[words] in done.stderr
    assert done.stderr.startswith("seedvr: ")
    assert done.stderr.count("\n") == 1


def test_without_a_source_the_line_says_so(run):
    """Without any SOURCE the command is a usage error that asks for one."""
    done = run("image")
    assert (done.rc, done.stdout) == (2, "")
    assert "SOURCE" in done.stderr


def test_help_shows_every_flag(run):
    """--help goes to standard output, ends with 0 and names each option of the contract."""
    done = run("image", "--help")
    assert (done.rc, done.stderr) == (0, "")
    flags = """--model -x --scale --width --height --target -f --format --noise --seed --job-id --sync --webhook
        --webhook-mode --body-webhook --body-webhook-events -p --param -o --output --overwrite -j --jobs --poll-interval
        --timeout --no-wait --no-download --new --retry-failed --max-cost --dry-run --failed-file --recursive --json -q
        --quiet -v --verbose --progress --base-url --sandbox --profile --api-key-file --help"""
    assert set(flags.split()) - set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", done.stdout)) == set()


# The run


def test_a_local_picture_through_the_sandbox(run, photo, work):
    """With --sandbox, and no key, a local file is upscaled for real, and its path is the only line of the output."""
    from PIL import Image

    done = run("image", photo, "-x", "2", "--sandbox", key=None)
    assert (done.rc, done.stdout) == (0, "photo-2x.png\n"), done.stderr
    with Image.open(work / "photo-2x.png") as picture:
        assert picture.size == (960, 640)
    assert "not by SeedVR2" in done.stderr


def test_a_folder_is_its_pictures_in_order(run, photo, work):
    """A folder stands for its pictures, sorted, hidden and other files left out; --recursive takes the tree."""
    for name in ("b.jpg", "a.jpg", ".hidden.jpg", "notes.txt", "tree/c.jpg"):
        (work / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "in" / name).write_bytes(photo.read_bytes())

    def sources(*flags):
        done = run("image", "in", *flags, "--dry-run", "--json", "--sandbox")
        return [one["source"] for one in done.objects]

    assert sources() == ["in/a.jpg", "in/b.jpg"]
    assert sources("--recursive") == ["in/a.jpg", "in/b.jpg", "in/tree/c.jpg"]


def test_no_wait_prints_ids_and_ends(run, gateway, bench):
    """--no-wait prints one request id a line, polls nothing and makes no file; the command without it delivers."""
    fake, sources = gateway(), [new_url("a.png"), new_url("b.png")]
    done = run("image", *sources, "--no-wait", to=fake)
    assert done.rc == 0
    assert sorted(done.lines) == ["fake_1", "fake_2"]
    assert (fake.polls(), bench.files()) == ([], [])
    again = run("image", *sources, to=fake)
    assert sorted(again.lines) == ["a-upscaled.png", "b-upscaled.png"]
    assert len(fake.posts()) == 2


def test_no_download_prints_media_urls(run, gateway, bench, url):
    """--no-download waits, prints one media URL a line and fetches nothing."""
    fake = gateway()
    done = run("image", url, "--no-download", to=fake)
    assert (done.rc, done.stdout) == (0, f"{fake.url}/media/fake_1/output.png\n")
    assert (fake.downloads(), bench.files()) == ([], [])


def test_no_more_jobs_than_asked_for_are_in_flight(run, gateway):
    """With -j 2 a third job is not submitted before one of the first two has ended."""
    live, most, polled = set(), [0], set()

    def script(heard):
        if heard.method == "POST":
            live.add(heard.source)
            most[0] = max(most[0], len(live))
        elif heard.source in polled:
            live.discard(heard.source)
        elif heard.source:
            polled.add(heard.source)
            return fake.view(heard, "PROCESSING")
        return None

    fake = gateway(script)
    done = run("image", *(new_url() for _ in range(5)), "-j", "2", to=fake)
    assert (done.rc, len(fake.posts()), most[0]) == (0, 5, 2)


def test_polls_keep_their_interval(run, gateway, url):
    """Two polls of a job are never closer than nine tenths of --poll-interval, and nor is the first to the POST."""

    def script(heard):
        return fake.view(heard, "QUEUED") if heard in fake.polls() and len(fake.polls()) < 3 else None

    fake = gateway(script)
    assert run("image", url, "--poll-interval", "0.4", to=fake).rc == 0
    instants = [fake.posts()[0].at, *(poll.at for poll in fake.polls())]
    assert len(instants) == 4
    assert min(later - earlier for earlier, later in itertools.pairwise(instants)) >= 0.35


def test_the_failed_file_has_what_did_not_succeed(run, gateway, work):
    """--failed-file lists the sources that failed, and is made only when there is one."""
    good, bad = new_url(), new_url()
    fake = gateway(
        lambda heard: Reply(400, {"error": "no"}) if heard.method == "POST" and heard.source == bad else None
    )
    assert run("image", good, "--failed-file", "failed.txt", to=fake).rc == 0
    assert not (work / "failed.txt").exists()
    assert run("image", good, bad, "--failed-file", "failed.txt", to=fake).rc == 1
    listed = [line for line in (work / "failed.txt").read_text().splitlines() if not line.startswith("#")]
    assert listed == [bad]
