"""`seedvr report` over the real command."""

import base64
import io
import os
import re
import shutil
import signal
import threading

import pytest
from fakes.gateway import Reply
from fakes.media import picture
from helpers.report import write
from helpers.sources import new_url
from helpers.waiting import PATIENCE, wait_for
from PIL import Image

pytestmark = pytest.mark.slow

SANDBOX = ("--sandbox",)


def parts(page):
    """The pictures of the page's cards, one dictionary a card."""
    cards = page.read_text().split('<li class="card"')[1:]
    return [dict(re.findall(r'data-part="([\w-]+)" data-type="[\w/]+">([^<]*)<', card)) for card in cards]


def size(part):
    return Image.open(io.BytesIO(base64.b64decode(part))).size


@pytest.fixture
def upscaled(run, work, photo):
    """A local picture that the sandbox has enlarged: the path of its result."""
    shutil.copy(photo, work / "photo.jpg")
    done = run("image", "photo.jpg", "-x", "2", *SANDBOX, key=None)
    assert done.rc == 0, done.stderr
    return work / done.lines[0]


def test_a_job_before_and_after(run, work, upscaled):
    """The page shows the delivered file and the local file it was made of, without a key, and its path is printed."""
    done = run("report", *SANDBOX, key=None)
    assert (done.rc, done.stdout) == (0, "seedvr-report.html\n"), done.stderr
    (card,) = parts(work / "seedvr-report.html")
    assert set(card) == {"before", "before-detail", "after", "after-detail"}
    assert size(card["before"]) == (480, 320)
    assert max(size(card["after"])) == 900
    assert "not by SeedVR2" in (work / "seedvr-report.html").read_text()


def test_the_json_object(run, work, upscaled):
    """--json prints one object about the page: its path, bytes and jobs."""
    value = run("report", "-o", "page.html", "--json", *SANDBOX, key=None).object
    assert value == {"v": 1, "path": "page.html", "bytes": (work / "page.html").stat().st_size, "jobs": 1}


def test_a_source_that_has_changed_is_not_shown(run, work, upscaled):
    """Neither another file by the source's name is shown, nor a result that is not what was delivered."""
    (work / "photo.jpg").write_bytes(picture(1))
    upscaled.write_bytes(picture(2))
    assert run("report", *SANDBOX, key=None).rc == 0
    text = (work / "seedvr-report.html").read_text()
    assert parts(work / "seedvr-report.html") == [{}]
    assert "The source was changed since." in text
    assert "The file was changed after its delivery." in text
    (work / "photo.jpg").unlink()
    upscaled.unlink()
    assert run("report", *SANDBOX, key=None).rc == 0
    text = (work / "seedvr-report.html").read_text()
    assert "The source is gone." in text
    assert "The file is gone." in text


def test_a_source_is_found_beside_its_result(run, work, upscaled):
    """From another folder, a source that was named by a relative path is looked for near its result."""
    (work / "elsewhere").mkdir()
    assert run("report", *SANDBOX, key=None, cwd=work / "elsewhere").rc == 0
    assert "before" in parts(work / "elsewhere" / "seedvr-report.html")[0]


@pytest.fixture
def fake(gateway):
    """A gateway that serves a source too, and a source that is not there."""

    def answer(heard):
        if heard.path.startswith("/source.png"):
            return Reply(200, picture(3, (80, 60)))
        return Reply(404) if heard.path.startswith("/gone.png") else None

    return gateway(answer)


def test_a_source_behind_a_url_is_fetched_once_and_without_the_key(run, work, fake):
    """Of two jobs of one source it is asked for once, without the key; the page has it, and not its signature."""
    url = f"{fake.url}/source.png?X-Amz-Signature=geheim"
    for scale in (2, 4):
        assert run("image", url, "-x", scale, to=fake).rc == 0
    before = len(fake.heard)
    done = run("report", "--base-url", fake.url)
    assert done.rc == 0, done.stderr
    (heard,) = fake.heard[before:]
    assert heard.path.startswith("/source.png")
    assert not {name.lower() for name in heard.headers} & {"ocp-apim-subscription-key", "authorization", "cookie"}
    assert [size(card["before"]) for card in parts(work / "seedvr-report.html")] == [(80, 60)] * 2
    assert "geheim" not in (work / "seedvr-report.html").read_text()
    assert not [name for name in os.listdir(work) if name.endswith(".part")]


def test_without_fetching_nobody_is_asked(run, work, fake):
    """With --no-fetch the result stands alone, the card says why, and nobody is asked for anything."""
    assert run("image", f"{fake.url}/source.png", to=fake).rc == 0
    before = len(fake.heard)
    assert run("report", "--no-fetch", "--base-url", fake.url, key=None).rc == 0
    assert len(fake.heard) == before
    (card,) = parts(work / "seedvr-report.html")
    assert "before" not in card
    assert "after" in card
    assert "The source was not fetched." in (work / "seedvr-report.html").read_text()


def test_a_source_that_is_not_to_be_had(run, work, fake):
    """A source that is gone leaves the result alone, with the reason, and the exit code 0."""
    assert run("image", f"{fake.url}/gone.png", to=fake).rc == 0
    assert run("report", "--base-url", fake.url).rc == 0
    assert (
        "The source is not to be had: the media server answered HTTP 404." in (work / "seedvr-report.html").read_text()
    )


def test_ends_of_all_kinds(run, work, gateway):
    """What ended is on the page, FAILED too and what is not delivered; what still runs only where it is asked for."""
    sources = {new_url(f"{word}.png"): word.upper() for word in ("completed", "failed", "processing")}
    fake = gateway(lambda heard: fake.view(heard, sources[heard.source]) if heard in fake.polls() else None)
    done = run("image", *sources, "--no-wait", "--json", to=fake)
    ids = {sources[one["source"]]: one["request_id"] for one in done.objects}
    run("status", *ids.values(), to=fake)
    assert run("report", "--no-fetch", "--json", "--base-url", fake.url).object["jobs"] == 2
    text = (work / "seedvr-report.html").read_text()
    assert 'data-state="failed"' in text
    assert "'seedvr download' does it" in text.replace("&#x27;", "'")
    assert run("report", ids["PROCESSING"], "--no-fetch", "--json", "--base-url", fake.url).object["jobs"] == 1
    assert 'data-state="running"' in (work / "seedvr-report.html").read_text()


def test_which_jobs(run, work, sandbox):
    """Ids, folders, --since and --limit choose jobs, the newest first; a limit that leaves some out is told."""
    urls = [new_url(f"{name}.png") for name in "abc"]
    ids = []
    for url, folder in zip(urls, ("one/", "two/", "two/"), strict=True):
        ids.append(run("image", url, "-o", folder, "--json", to=sandbox).object["request_id"])

    def chosen(*words):
        done = run("report", *words, "--no-fetch", "--base-url", sandbox.url)
        assert done.rc == 0, done.stderr
        return re.findall(r'class="card"[^>]* data-name="(\w)', (work / "seedvr-report.html").read_text()), done.stderr

    assert chosen()[0] == ["c", "b", "a"]
    assert chosen("two")[0] == ["c", "b"]
    assert chosen("two", ids[0])[0] == ["c", "b", "a"]
    assert chosen(ids[1])[0] == ["b"]
    assert chosen("--since", "1d")[0] == ["c", "b", "a"]
    assert chosen("--since", "2099-01-01")[0] == []
    names, talk = chosen("--limit", "2")
    assert names == ["c", "b"]
    assert "the latest 2 of 3 jobs; --limit takes more" in talk


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("seedvr-nobody",), "the ledger has no such job"),
        (("--since", "tomorrow"), "--since"),
        (("--limit", "0"), "--limit"),
        (("-o", "no/such/page.html"), "no such folder"),
        (("-o", "-"), "a report is a file"),
    ],
)
def test_bad_usage(run, work, words, message):
    """An unknown id, a wrong time or limit and a place that cannot be are usage errors, and no page is made."""
    done = run("report", *words)
    assert (done.rc, done.stdout) == (2, "")
    assert message in done.stderr
    assert os.listdir(work) == []


def test_the_id_of_another_gateway(run, gateway, url):
    """An id that the ledger knows from another gateway is told as such."""
    here, there = gateway(), gateway()
    request_id = run("image", url, "--no-wait", to=there).stdout.strip()
    done = run("report", request_id, "--base-url", here.url)
    assert done.rc == 2
    assert f"--base-url {there.url}" in done.stderr


def test_what_is_in_the_way(run, work):
    """A report is replaced, another file is not but with --overwrite, and what is no regular file never."""
    write(work / "page.html")
    assert run("report", "-o", "page.html").rc == 0
    (work / "mine.html").write_text("mine")
    done = run("report", "-o", "mine.html")
    assert (done.rc, (work / "mine.html").read_text()) == (2, "mine")
    assert "--overwrite" in done.stderr
    assert run("report", "-o", "mine.html", "--overwrite").rc == 0
    assert "seedvr report" in (work / "mine.html").read_text()
    (work / "link.html").symlink_to("mine.html")
    assert run("report", "-o", "link.html", "--overwrite").rc == 2
    (work / "folder").mkdir()
    assert run("report", "-o", "folder").stdout == "folder/seedvr-report.html\n"


def test_a_disk_that_is_full(run, work):
    """Where the page cannot be written whole the command ends with 1 and one line, and leaves nothing behind."""
    full = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    done = run("report", "-q", inject=full)
    assert (done.rc, done.stdout) == (1, "")
    assert done.stderr == "seedvr: cannot write seedvr-report.html: File too large\n"
    assert os.listdir(work) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_nothing(bench, work, gateway, number, code):
    """Ctrl-C and SIGTERM end it at once with one line, and neither a page nor a part of one is left."""
    fake = gateway(lambda heard: Reply(200, b"x" * 99, held=never) if heard.path == "/slow.png" else None)
    never = threading.Event()
    assert bench.run("image", f"{fake.url}/slow.png", to=fake).rc == 0
    before = sorted(os.listdir(work))
    process = bench.start("report", "--base-url", fake.url)
    wait_for(lambda: any(heard.path == "/slow.png" for heard in fake.heard))
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (code, b"", b"seedvr: interrupted\n")
    assert sorted(os.listdir(work)) == before
    never.set()


def test_an_empty_ledger(run, work):
    """Without a job there is a page that says so, and a line on standard error."""
    done = run("report", *SANDBOX, key=None)
    assert (done.rc, done.stdout) == (0, "seedvr-report.html\n")
    assert "no such job for the sandbox" in done.stderr
    assert "No jobs." in (work / "seedvr-report.html").read_text()


def test_it_opens_in_the_browser(run, work):
    """--open gives the page's address to the browser."""
    browser = work / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{work}/opened"\n')
    browser.chmod(0o755)
    assert run("report", "--open", env={"BROWSER": f"{browser} %s"}).rc == 0
    assert (work / "opened").read_text().strip() == (work / "seedvr-report.html").as_uri()


def test_without_a_browser_its_address_is_said(run, work):
    """Where --open finds no browser, a line has the page's address, and the page is made all the same."""
    done = run("report", "--open", env={"BROWSER": "/bin/false %s", "PATH": "/nowhere", "DISPLAY": ""})
    assert (done.rc, done.stdout) == (0, "seedvr-report.html\n")
    assert (
        f"--open: there is no browser that shows it; the page is {(work / 'seedvr-report.html').as_uri()}"
        in done.stderr
    )


def test_a_video(run, work, clip):
    """A video's card has a clip of source and result; without the extra the first line says what to install."""
    shutil.copy(clip, work / "clip.mp4")
    assert run("video", "clip.mp4", *SANDBOX, key=None).rc == 0
    assert run("report", *SANDBOX, key=None).rc == 0
    assert re.findall(r'data-part="(\w+)" data-type="video/mp4"', (work / "seedvr-report.html").read_text()) == [
        "before",
        "after",
    ]
    without = run("report", *SANDBOX, key=None, inject="import sys\nsys.modules['av'] = None\n")
    assert without.rc == 0
    assert without.stderr.splitlines()[0] == "seedvr: to show videos: pip install 'seedvr-cli[video]'"
    assert parts(work / "seedvr-report.html") == [{}]


def test_a_result_in_an_object_store_is_text(run, work, upscaled, home):
    """A result that lies in an object store is named, and not looked for on the disk."""
    import sqlite3

    with sqlite3.connect(home / "state" / "ledger.sqlite3") as ledger:
        ledger.execute("UPDATE deliveries SET path = 's3://studio/big/photo.png'")
    ledger.close()
    assert run("report", *SANDBOX, key=None).rc == 0
    text = (work / "seedvr-report.html").read_text()
    assert "s3://studio/big/photo.png" in text
    assert "in an object store" in text


def test_names_of_folders_stay_at_home(run, work, upscaled):
    """The page names files, and not the folders of this machine, which concern nobody whom it is sent to."""
    assert run("report", *SANDBOX, key=None).rc == 0
    text = (work / "seedvr-report.html").read_text()
    assert "photo.jpg" in text
    assert str(work) not in text


def test_standard_output_has_the_path_alone(run, upscaled):
    """With -q nothing but the path is said, on either stream."""
    done = run("report", "-q", *SANDBOX, key=None)
    assert (done.stdout, done.stderr) == ("seedvr-report.html\n", "")
