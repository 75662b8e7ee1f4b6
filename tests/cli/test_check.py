"""A look at the sources before anything is paid: --check, and what it says of prices."""

from io import BytesIO

import pytest
from fakes.gateway import CUT, Reply
from helpers.footage import make_video
from PIL import Image

pytestmark = pytest.mark.slow


def picture(width, height, kind="JPEG"):
    """The bytes of a picture of that size."""
    content = BytesIO()
    Image.new("RGB", (width, height), "teal").save(content, kind)
    return content.getvalue()


@pytest.fixture
def site(gateway):
    """A gateway that serves sources as well, by their paths."""
    made = gateway()
    pages = {
        "/good.jpg": Reply(200, picture(40, 30)),
        "/large.jpg": Reply(200, picture(3000, 2000)),
        "/page": Reply(200, b"<!DOCTYPE html><p>hello"),
        "/text": Reply(200, b"hello, this is no picture at all"),
        "/private": Reply(403, b"no"),
        "/gone": Reply(404, b"no"),
        "/broken": Reply(502, b"no"),
        "/cut": CUT,
        "/moved": Reply(302, b"", {"Location": "/good.jpg"}),
        "/gif": Reply(200, b"GIF89a" + bytes(20)),
    }
    made.script = lambda heard: pages.get(heard.path)
    return made


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/page", "it is a page, and no picture"),
        ("/text", "it is no image"),
        ("/private", "it is not for everybody (HTTP 403)"),
        ("/gone", "its server answers HTTP 404"),
        ("/broken", "its server answers HTTP 502"),
        ("/cut", "it cannot be reached"),
        ("/gif", "it is image/gif"),
        ("/large.jpg", "it would become 6000x4000, and 7b-image makes at most 4096 pixels a side"),
    ],
)
def test_what_nothing_can_come_of_is_not_paid_for(run, site, path, part):
    """A source that the gateway could make nothing of is one line and code 1, and the others go on."""
    done = run("image", f"{site.url}{path}", f"{site.url}/good.jpg", "--check", "--json", to=site)
    assert done.rc == (5 if path == "/cut" else 1), done.stderr
    by_source = {value["source"]: value for value in done.objects}
    refused = by_source[f"{site.url}{path}"]
    assert (refused["error"]["code"], refused["charge"]) == ("source", "none")
    assert part in refused["error"]["message"]
    assert by_source[f"{site.url}/good.jpg"]["status"] == "COMPLETED"
    assert [heard.source for heard in site.posts()] == [f"{site.url}/good.jpg"]
    assert all("ocp-apim-subscription-key" not in heard.headers for heard in site.heard if heard.path == path)


def test_what_is_right_goes_on(run, site):
    """A picture behind a redirect, and one whose size is asked for, are submitted."""
    for words in (
        (f"{site.url}/moved",),
        (f"{site.url}/large.jpg", "--width", "4096"),
        (f"{site.url}/large.jpg", "-x", "1"),
    ):
        assert run("image", *words, "--check", to=site).rc == 0
    assert len(site.posts()) == 3


def test_no_check_submits_it_unseen(run, site):
    """--no-check looks at nothing; and a gateway on this machine is not second-guessed for URLs."""
    for words in (("--no-check",), ()):
        assert run("image", f"{site.url}/page", "--new", *words, to=site).rc == 0
    assert [heard.path for heard in site.heard if heard.path == "/page"] == []


def test_what_is_paid_for_is_not_looked_at_again(run, site):
    """A source that is paid for is delivered, whatever has become of it."""
    assert run("image", f"{site.url}/good.jpg", "--no-download", "--check", to=site).rc == 0
    looks = sum(heard.path == "/good.jpg" for heard in site.heard)
    site.script = lambda heard: Reply(404, b"") if heard.path == "/good.jpg" else None
    assert run("image", f"{site.url}/good.jpg", "--check", to=site).rc == 0
    assert (looks, len(site.posts())) == (1, 1)


def test_files_are_looked_at_by_default(run, sandbox, work):
    """A file that would become too large is found before anything is paid, without being asked."""
    (work / "large.jpg").write_bytes(picture(3000, 2000))
    done = run("image", "large.jpg", to=sandbox)
    assert done.rc == 1
    assert "6000x4000" in done.stderr
    assert sandbox.accepted((work / "large.jpg").as_uri()) == 0


def test_a_videos_price_is_that_of_what_it_becomes(run, sandbox, clip):
    """With a look, a video's price by its scale is the row of the list, and not the dearest; so is the cap's sum."""
    seen = run("video", clip, "-x", "2", "--dry-run", "--check", to=sandbox)
    unseen = run("video", clip, "-x", "2", "--dry-run", to=sandbox)
    assert (seen.lines[0].split("\t")[0], unseen.lines[0].split("\t")[0]) == ("$0.12", "$1.95")
    assert "list price $0.12" in seen.stderr
    done = run("video", clip, "-x", "2", "--max-cost", "0.13", "--no-wait", to=sandbox)
    assert done.rc == 0, done.stderr


@pytest.mark.parametrize(("name", "codec"), [("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4")])
def test_a_price_is_known_whatever_the_container(run, sandbox, work, name, codec):
    """A WebM's and an AVI's price is that of what it becomes as well."""
    import av

    make_video(av, work / name, codec=codec, size=(96, 64), times=range(2))
    seen = run("video", name, "-x", "2", "--dry-run", "--check", to=sandbox)
    assert seen.lines[0].split("\t")[0] == "$0.12"


def test_a_dry_run_that_looks_names_what_is_wrong(run, site):
    """--dry-run --check prints what would be sent, names what would not, and is 1 then; without it nobody is asked."""
    words = ("image", f"{site.url}/gone", f"{site.url}/good.jpg", "--dry-run")
    done = run(*words, "--check", to=site)
    assert (done.rc, len(done.lines)) == (1, 1)
    assert "HTTP 404" in done.stderr
    assert "1 request, list price $0.001" in done.stderr
    heard = len(site.heard)
    assert run(*words, to=site).rc == 0
    assert len(site.heard) == heard


def test_a_dry_run_that_looks_has_an_object_for_each_source(run, site):
    """With --json a source that is refused has an object as well, with its error, and no request."""
    words = ("image", f"{site.url}/gone", f"{site.url}/good.jpg", "--dry-run", "--check", "--json")
    done = run(*words, "--base-url", site.url)
    errors = {value["source"]: value["error"] and value["error"]["code"] for value in done.objects}
    assert (done.rc, errors) == (1, {f"{site.url}/gone": "source", f"{site.url}/good.jpg": None})
    assert [value["request"] is None for value in done.objects] == [True, False]


def test_the_hosted_gateways_sources_are_looked_at_by_default(run, url):
    """Fewer than 100 URLs are looked at: what cannot be reached costs nothing."""
    env = {"HTTPS_PROXY": "http://127.0.0.1:1"}
    done = run("image", url, env=env)
    assert done.rc == 5, done.stderr
    assert "it cannot be reached" in done.stderr
    on_this_machine = run("image", "http://127.0.0.1:1/a.png", env=env)
    assert "it is on this machine" in on_this_machine.stderr


def test_an_animated_source_is_said_to_be_one(run, sandbox, origin, work):
    """Of what moves one line says that only its first picture is enlarged, where it is going to be submitted."""
    pictures = [Image.new("RGB", (4, 4), colour) for colour in ("teal", "red")]
    for name in ("a.png", "a.webp", "a.gif"):
        pictures[0].save(work / name, save_all=True, append_images=pictures[1:])
    pictures[0].save(work / "still.png")
    url = origin.put("/b.webp", (work / "a.webp").read_bytes())
    line = "it is animated: only its first picture is enlarged"
    seen = run("image", "a.png", "still.png", url, "--check", "--dry-run", to=sandbox)
    done = run("image", "a.png", "still.png", url, "--check", to=sandbox)
    for shown in (seen.stderr, done.stderr):
        assert [f"seedvr: {name}: {line}" in shown for name in ("a.png", "still.png", url)] == [True, False, True]
        assert shown.count(line) == 2
    assert (seen.rc, done.rc, len(done.lines)) == (0, 0, 3)
    again = run("image", "a.png", "still.png", url, "--check", to=sandbox)
    assert (again.rc, line in again.stderr) == (0, False)
    gif = run("image", origin.put("/a", (work / "a.gif").read_bytes()), "--check", to=sandbox)
    assert (gif.rc, "it is image/gif, and animated" in gif.stderr) == (1, True)
