"""Sources: URLs, files and folders, each checked before anything is sent."""

import json
import os
from pathlib import Path

import pytest
from helpers.building import key_of
from helpers.planning import IMAGE, MP4, URL, VIDEO, picture, refused, texts, wishes
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seedvr_cli.plan.planner import plan
from seedvr_cli.plan.sources import LONGEST_URL, expand
from seedvr_cli.values.errors import UsageError


@pytest.mark.parametrize("gateway", ["https://gateway.pixazo.ai", "sandbox"])
def test_a_prospect_has_the_key_of_its_request(gateway):
    """The key is made once, of the request and its source, and travels as a field."""
    options = {"scale": "2.0", "format": "jpg", "webhook": "https://example.com/h"}
    for prospect in plan([URL, picture("a.png")], wishes(options=options), gateway):
        item = prospect.item()
        assert prospect.key == item.key == key_of(item.request, gateway)


@pytest.mark.parametrize(
    "word",
    [
        "http://example.com/a.png",
        "http://127.0.0.1.example.com/a.png",
        "ftp://example.com/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "https://",
        "https:///a.png",
        "https://example.com/a b.png",
        "https://example.com/a\nb.png",
        "https://[::1/a.png",
        "://",
    ],
)
def test_what_is_no_https_url_is_refused(word):
    """Plain http and other schemes are a usage error that says what is wanted."""
    message, hint = refused([word], wishes())
    assert "is not an https URL" in message
    assert "plain http is only for this machine" in hint


def test_an_empty_word_is_no_source():
    """What a variable that is not set leaves is called empty."""
    assert refused([""], wishes())[0] == "SOURCE: it is empty"


@pytest.mark.parametrize("word", ["http://localhost/a.png", "http://127.0.0.1:8000/a.png", "http://[::1]:8000/a.png"])
def test_plain_http_is_for_this_machine(word):
    """A source on this machine may be plain http."""
    (prospect,) = plan([word], wishes())
    assert prospect.source.url == word


def test_a_url_has_a_limit():
    """A URL of more characters than a server takes is refused, and is not repeated whole."""
    longest = "https://example.com/" + "a" * (LONGEST_URL - 20)
    assert len(longest) == LONGEST_URL
    assert texts(plan([longest], wishes())) == [longest]
    message, _ = refused([longest + "a"], wishes())
    assert str(LONGEST_URL) in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("word", "url"),
    [
        ("https://bücher.example/a.png", "https://xn--bcher-kva.example/a.png"),
        ("https://example.com/été.png", "https://example.com/%C3%A9t%C3%A9.png"),
        ("https://example.com/a%20é.png?q=ü&r=1", "https://example.com/a%20%C3%A9.png?q=%C3%BC&r=1"),
        ("https://example.com:8443/写真.png", "https://example.com:8443/%E5%86%99%E7%9C%9F.png"),
    ],
)
def test_a_url_travels_in_ascii(word, url):
    """A URL in any script is told to the gateway as ASCII, and is the same source as that."""
    (written,) = plan([word], wishes())
    (encoded,) = plan([url], wishes())
    assert (written.source.text, written.source.url) == (word, url)
    assert written.source.identity == encoded.source.identity
    assert written.source.name == encoded.source.name


@pytest.mark.parametrize("word", ["https://" + "é" * 80 + ".com/a.png", "https://é..com/a.png", "https://h/\udcff.png"])
def test_a_url_that_cannot_travel_is_refused(word):
    """A URL that has no form in ASCII is a usage error."""
    message, _ = refused([word], wishes())
    assert "is not a URL" in message
    message.encode()


@settings(deadline=None)
@example("https://\x80@0")
@given(
    st.text(min_size=1).map(lambda text: f"https://{text}") | st.text().map(lambda text: f"https://example.com/{text}")
)
def test_any_url_is_sent_in_ascii_or_refused(word):
    """Whatever follows https://, it is a URL in ASCII or a usage error."""
    try:
        (prospect,) = plan([word], wishes())
    except UsageError:
        return
    assert prospect.source.url.isascii()
    assert prospect.source.url.lower().startswith("https://")


def test_a_file_is_a_source(here):
    """A local file is known by its content, told as a file URL, and named as it is on disk."""
    (prospect,) = plan([picture("my photo.png")], wishes())
    source = prospect.source
    assert source.text == "my photo.png"
    assert source.url == (here / "my photo.png").as_uri()
    assert source.identity.startswith("sha256:")
    assert source.name == "my photo.png"


def test_a_file_is_its_content():
    """Two names of the same content are the same source, and other content is another."""
    one, same, other = plan([picture("a.png"), picture("b/c.png"), picture("d.png", "red")], wishes(), "sandbox")
    assert one.source.identity == same.source.identity != other.source.identity
    assert one.key == same.key != other.key


def test_a_folder_is_its_pictures_sorted():
    """A folder stands for its pictures by name, in order; other files, hidden ones and its folders are left out."""
    for name in ("b.png", "a.png", "C.PNG", "d.jpeg", ".hidden.png", "sub/e.png", "sub.png/f.png"):
        picture(os.path.join("album", name))
    Path("album/notes.txt").write_text("no picture")
    Path("album/clip.mp4").write_bytes(MP4)
    names = ["C.PNG", "a.png", "b.png", "d.jpeg"]
    assert texts(plan(["album"], wishes())) == [os.path.join("album", name) for name in names]


def test_a_folder_is_its_whole_tree_where_that_is_asked_for():
    """With --recursive a folder stands for all pictures below it, sorted by path."""
    for name in ("b.png", "z/a.png", "a/b/c.png", "a/z.webp"):
        picture(os.path.join("album", name))
    expected = sorted(os.path.join("album", name) for name in ("b.png", "z/a.png", "a/b/c.png", "a/z.webp"))
    assert texts(plan(["album"], wishes(recursive=True))) == expected
    assert texts(plan(["album"], wishes(recursive=True))) == texts(plan(["album"], wishes(recursive=True)))


def test_a_folder_of_videos():
    """`video` takes a folder's videos and leaves its pictures."""
    picture("mixed/a.png")
    for name in ("b.MP4", "c.mov"):
        Path("mixed", name).write_bytes(MP4)
    assert texts(plan(["mixed"], wishes(VIDEO))) == [os.path.join("mixed", name) for name in ("b.MP4", "c.mov")]


def test_a_jpeg_has_many_names():
    """What browsers and cameras call their JPEGs is taken from folders too."""
    for name in ("a.jfif", "b.JPE", "c.mpo"):
        picture(f"jpegs/{name}")
    assert texts(plan(["jpegs"], wishes())) == ["jpegs/a.jfif", "jpegs/b.JPE", "jpegs/c.mpo"]


def test_what_a_folder_has_beside_its_pictures_is_told():
    """Pictures and videos that are no sources are counted in a line; what is hidden, left out or neither is not."""
    for name in ("a.heic", "b.HEIC", "c.mov", "d.txt", ".e.heic", "sub/f.gif"):
        os.makedirs(os.path.dirname(f"all/{name}"), exist_ok=True)
        Path("all", name).write_bytes(b"x")
    picture("all/a.png")
    told = []
    assert texts(plan(["all"], wishes(tell=told.append))) == ["all/a.png"]
    plan(["all"], wishes(tell=told.append, recursive=True, exclude=["*.mov", "*.HEIC"]))
    assert told == [
        "all: passed over: 2 .heic, 1 .mov ('seedvr video' takes .mov)",
        "all: passed over: 1 .gif, 1 .heic",
    ]


def test_a_folder_without_pictures_is_refused():
    """A folder that holds nothing of the kind is a usage error, which names --recursive where that may help."""
    picture("album/sub/a.png")
    assert "album has no images" in refused(["album"], wishes())[0]
    assert "--recursive" in refused(["album"], wishes())[0]
    assert "album has no videos" in refused(["album"], wishes(VIDEO, recursive=True))[0]
    assert "--recursive" not in refused(["album"], wishes(VIDEO, recursive=True))[0]


def test_a_missing_file_is_refused():
    """A word that is neither a file nor a URL is a usage error that says both."""
    message, _ = refused(["photo.png"], wishes())
    assert message == "SOURCE: photo.png: no such file, and not an https URL"


def test_the_wrong_kind_is_refused():
    """A video for `image`, a picture for `video`, and what is neither, are usage errors that name the right command."""
    Path("clip.png").write_bytes(MP4)
    Path("notes.png").write_text("this is no picture")
    Path("empty.png").write_bytes(b"")
    assert refused(["clip.png"], wishes()) == ("SOURCE: clip.png: it is video/mp4", "'seedvr video' is for videos")
    assert refused([picture("a.mp4")], wishes(VIDEO)) == (
        "SOURCE: a.mp4: it is image/png",
        "'seedvr image' is for images",
    )
    taken = "it takes .png, .jpg, .jpeg, .jpe, .jfif, .mpo, .webp"
    assert refused(["notes.png"], wishes()) == ("SOURCE: notes.png: it is no image", taken)
    assert refused(["empty.png"], wishes()) == ("SOURCE: empty.png: it is no image", taken)


@pytest.mark.parametrize(("content", "what"), [(b"broken", "it is no image"), (MP4, "it is video/mp4")])
def test_what_a_folder_has_of_another_kind_is_refused_alone(content, what):
    """A folder's file that its name belies is refused with the flag that leaves it out, and the others are planned."""
    Path("holiday").mkdir()
    picture("holiday/a.png")
    Path("holiday/b.png").write_bytes(content)
    fit, unfit = plan(["holiday"], wishes())
    assert (fit.source.text, fit.trouble) == ("holiday/a.png", None)
    assert (unfit.source.text, unfit.trouble.message, unfit.trouble.exit_code) == ("holiday/b.png", what, 1)
    assert "--exclude" in unfit.trouble.hint
    assert texts(plan(["holiday"], wishes(exclude=("b.png",)))) == ["holiday/a.png"]


def test_one_wrong_source_stops_all():
    """One source that is wrong is told before any other is sent."""
    assert "missing.png" in refused([URL, picture("a.png"), "missing.png"], wishes())[0]


def test_the_hosted_gateway_reads_no_local_files():
    """Where the gateway is not on this machine, a local file or folder is one clear line with a way out."""
    for word in (picture("a.png"), os.path.dirname(picture("album/b.png"))):
        message, hint = refused([word], wishes(local_files=False))
        assert message.endswith("the hosted gateway reads https URLs, not files of this machine")
        assert "--sandbox" in hint


def test_a_name_of_any_bytes_is_a_source(here):
    """A file whose name is no Unicode is found, sent and named."""
    name = os.fsdecode(b"caf\xe9.png")
    try:
        picture(name)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes only Unicode names")
    (prospect,) = plan(["."], wishes())
    assert prospect.source.url.isascii()
    assert prospect.source.name == name
    json.dumps(prospect.item().request.body, ensure_ascii=False).encode()


@settings(deadline=None)
@given(st.text())
def test_any_word_is_a_source_or_a_usage_error(word):
    """No word on the command line crashes the planning."""
    try:
        found = list(expand(word, wishes()))
    except UsageError:
        return
    assert all(source.url for source in found)


@pytest.mark.parametrize(
    ("wanted", "word", "says"),
    [
        (IMAGE, "https://example.com/a.gif", "image/gif"),
        (IMAGE, "https://example.com/a.HEIC?x=1", "image/heic"),
        (IMAGE, "https://example.com/a.avif", "image/avif"),
        (IMAGE, "https://example.com/a.tif", "image/tiff"),
        (IMAGE, "https://example.com/a.bmp", "image/bmp"),
        (IMAGE, "https://example.com/a.mp4", "video/mp4"),
        (VIDEO, "https://example.com/a.jpg", "image/jpeg"),
        (VIDEO, "https://ex\u00e4mple.com/a.PNG", "image/png"),
    ],
)
def test_what_a_name_shows_to_be_wrong_is_not_paid_for(wanted, word, says):
    """A picture sent as a video, a video sent as a picture, and kinds that nobody takes are refused by their ending."""
    message, _ = refused([word], wishes(wanted))
    assert says in message


@pytest.mark.parametrize("word", ["https://example.com/a", "https://example.com/a.php", "https://example.com/a.v2"])
def test_a_name_that_shows_nothing_is_taken(word):
    """What an ending does not tell is the gateway's to find out."""
    assert plan([word], wishes(VIDEO))
    assert plan([word], wishes(IMAGE))


def test_characters_of_no_width_around_a_url_are_dropped():
    """What a chat or an editor leaves around a URL is no part of it, and inside it is refused."""
    (prospect,) = plan(["\u200b\ufeffhttps://example.com/a.png\u200b"], wishes())
    assert prospect.source.identity == "https://example.com/a.png"
    message, _ = refused(["https://example.com/a\u200bb.png"], wishes())
    assert "no width" in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_what_is_no_regular_file_is_never_opened():
    """A pipe and a link to a device are a folder's own failures, and a usage error where they are named."""
    picture("holiday/a.png")
    os.mkfifo("holiday/b.png")
    os.symlink("/dev/zero", "holiday/c.png")
    fit, *unfit = plan(["holiday"], wishes())
    assert (fit.source.text, fit.trouble) == ("holiday/a.png", None)
    assert [(one.source.text, one.trouble.message) for one in unfit] == [
        (f"holiday/{name}.png", "it cannot be read: no regular file") for name in "bc"
    ]
    for path in ("holiday/b.png", "holiday/c.png"):
        assert refused([path], wishes())[0] == f"SOURCE: {path}: no regular file"


@pytest.fixture
def locked(monkeypatch):
    """Paths that this user may not read, root or not."""
    paths = set()

    def guarded(call):
        def check(path, *more, **how):
            if os.fspath(path) in paths:
                raise PermissionError(13, "Permission denied", path)
            return call(path, *more, **how)

        return check

    monkeypatch.setattr(os, "scandir", guarded(os.scandir))
    monkeypatch.setattr(os, "stat", guarded(os.stat))
    return paths


def test_folders_that_cannot_be_read_are_told(locked):
    """A folder of a tree that may not be read is a line, one that is named is a usage error, as is a file in it."""
    for name in ("a.png", "no/b.png", "yes/c.png"):
        picture(f"tree/{name}")
    locked |= {"tree/no", "tree/no/b.png"}
    told = []
    found = plan(["tree"], wishes(recursive=True, tell=told.append))
    assert texts(found) == ["tree/a.png", "tree/yes/c.png"]
    assert told == ["tree/no: passed over: it cannot be read: Permission denied"]
    for path in ("tree/no", "tree/no/b.png"):
        assert refused([path], wishes())[0] == f"SOURCE: {path}: Permission denied"


def test_what_cannot_be_looked_at_is_not_left_out(locked):
    """Where --newer-than cannot see how old a file is, it is a failure, and not passed over in silence."""
    picture("album/a.png")
    locked.add("album/a.png")
    (unfit,) = plan(["album"], wishes(newer_than=0.0))
    assert unfit.trouble.message == "it cannot be read: Permission denied"


def test_a_folder_of_results_says_so():
    """A folder that has nothing but results of ours is a usage error which names the reason."""
    picture("album/a-2x.png")
    message, hint = refused(["album"], wishes(own_results=set))
    assert message == "SOURCE: album has only results of ours"
    assert hint == "one that is named itself is upscaled again"
