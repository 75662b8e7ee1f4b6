"""-f same: a result in its source's own format, which for a URL is seen there."""

import pytest
from fakes.media import picture
from helpers.sources import write
from PIL import Image

pytestmark = pytest.mark.slow

JPEG, PNG, WEBP = (picture(1, form=form) for form in ("JPEG", "PNG", "WEBP"))


def formats(done):
    """By source, the format that was asked for."""
    return {value["source"]: value["params"].get("output_format") for value in done.objects}


def test_a_files_own_format_is_asked_for(run, sandbox, work):
    """Each file of this machine gets its own format, and is the same job as with that word."""
    for name, content in (("a.jpg", JPEG), ("b.png", PNG), ("c.webp", WEBP), ("d.png", JPEG)):
        (work / name).write_bytes(content)
    done = run("image", "a.jpg", "b.png", "c.webp", "d.png", "-f", "same", "--json", to=sandbox)
    assert done.rc == 0, done.stderr
    assert formats(done) == {"a.jpg": "jpeg", "b.png": "png", "c.webp": "webp", "d.png": "jpeg"}
    assert run("image", "a.jpg", "-f", "jpg", "--json", to=sandbox).object["resumed"]
    assert run("image", "a.jpg", "-f", "same", "--model", "3b", "--json", to=sandbox).object["params"] == {
        "output_format": "jpg"
    }


def test_a_urls_own_format_is_seen_there(run, sandbox, origin, work):
    """Of URLs the first bytes say it, whatever they are called, once for a job and in any way of naming them."""
    urls = [origin.put("/a", JPEG), origin.put("/b.png", WEBP)]
    done = run("image", *urls, "-f", "same", "--no-check", "--json", to=sandbox)
    assert formats(done) == {urls[0]: "jpeg", urls[1]: "webp"}
    batch = write(work / "list.txt", urls)
    for words in (("--from", batch), ("--from", "-")):
        again = run("image", *words, "-f", "same", "--json", to=sandbox, stdin=batch.read_text())
        assert [value["resumed"] for value in again.objects] == [True, True]
    line = f'{{"source": "{urls[0]}", "format": "same"}}'
    assert run("image", "--from", "-", "--json", stdin=line, to=sandbox).object["resumed"]
    assert run("image", urls[0], "-f", "jpg", "--json", to=sandbox).object["resumed"]
    assert [sandbox.accepted(url) for url in urls] == [1, 1]


def test_the_config_may_say_it(run, sandbox, origin, bench):
    """As a stored default it holds for pictures and videos, and an explicit name's ending goes before it."""
    bench.configure('[default]\nformat = "same"\n')
    url = origin.put("/a", JPEG)
    seen = run("image", url, "--dry-run", "--json", to=sandbox)
    named = run("image", url, "-o", "x.webp", "--dry-run", "--json", to=sandbox)
    assert (formats(seen), formats(named)) == ({url: "jpeg"}, {url: "webp"})


def test_a_repeat_under_an_explicit_name_is_skipped(run, sandbox, origin, bench):
    """The file that stands under the name is known for this job's own, once its format is."""
    command = ("image", origin.put("/a", PNG), "-f", "same", "-o", "mine.png")
    for _ in range(2):
        done = run(*command, to=sandbox)
        assert (done.rc, done.lines) == (0, ["mine.png"]), done.stderr
    assert bench.files() == ["mine.png"]


def test_another_name_is_that_items_usage_error(run, sandbox, origin, work):
    """A name that says another format than the source's is refused, of a list that one item alone."""
    url, other = origin.put("/a", JPEG), origin.put("/b", JPEG)
    done = run("image", url, "-f", "same", "-o", "x.png", to=sandbox)
    assert done.rc == 2
    assert "-o x.png and -f jpg: two formats" in done.stderr
    (work / "a.jpg").write_bytes(JPEG)
    assert run("image", "a.jpg", "-f", "same", "-o", "x.png", to=sandbox).rc == 2
    lines = f'{{"source": "{url}", "format": "same", "output": "y.png"}}\n{{"source": "{other}", "format": "same"}}\n'
    mixed = run("image", "--from", "-", "--json", stdin=lines, to=sandbox)
    assert {value["source"]: value["error"] and value["error"]["code"] for value in mixed.objects} == {
        url: "bad_line", other: None,
    }  # fmt: skip
    assert mixed.rc == 1
    assert run("image", url, "-f", "same", "-o", "x.png", "--dry-run", to=sandbox).rc == 2
    seen = run("image", "--from", "-", "--dry-run", stdin=lines, to=sandbox)
    assert (seen.rc, len(seen.lines), "two formats" in seen.stderr) == (1, 0, True)  # the other one is paid for
    (work / "list.jsonl").write_text('{"source": "a.jpg", "format": "same", "output": "y.png"}\n')
    whole = run("image", "--from", "list.jsonl", to=sandbox)
    assert (whole.rc, "list.jsonl:1: -o y.png and -f jpg" in whole.stderr) == (2, True)
    assert sandbox.accepted(url) == 0


def test_what_cannot_be_seen_is_refused_with_what_to_do(run, sandbox, origin, work):
    """A source that nobody answers for, or that is of no format of the endpoint, costs nothing; the others go on."""
    gif = work / "a.gif"
    Image.new("RGB", (4, 4)).save(gif)
    urls = [f"{origin.url}/gone", origin.put("/a", gif.read_bytes()), origin.put("/b", JPEG)]
    done = run("image", *urls, "-f", "same", "--json", to=sandbox)
    assert done.rc == 5, done.stderr
    found = {value["source"]: value for value in done.objects}
    for url, part in ((urls[0], "it cannot be reached"), (urls[1], "it is image/gif, and 7b-image makes")):
        error = found[url]["error"]
        assert (error["code"], found[url]["charge"]) == ("source", "none")
        assert part in error["message"]
        assert "-f jpg" in error["hint"]
    assert found[urls[2]]["status"] == "COMPLETED"
    assert [sandbox.accepted(url) for url in urls] == [0, 0, 1]
    seen = run("image", *urls, "-f", "same", "--dry-run", to=sandbox)
    assert (seen.rc, seen.lines) == (1, [])
    assert "it is image/gif" in seen.stderr


def test_a_videos_codec_is_its_format(run, sandbox, clip, origin):
    """A video's own format is its codec's, of a file and of a URL."""
    url = origin.put("/a.mp4", clip.read_bytes())
    for source in (clip, url):
        done = run("video", source, "-f", "same", "--dry-run", "--json", to=sandbox)
        assert formats(done) == {str(source): "X264 (.mp4)"}
