"""Names of results: templates, names that stay in their folder, numbers against collisions."""

import os
import re
import string
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.naming import (
    FIELDS,
    LONGEST_PART,
    Names,
    Output,
    default_template,
    number_of,
    numbered,
    parse_output,
    render_name,
    safe_name,
    source_name,
)

WHEN = datetime(2026, 5, 22, 13, 17, 32, tzinfo=UTC)
PARAMS = {
    "upscale_factor": 2,
    "target_resolution": "1080p",
    "res_w": 1920,
    "res_h": 1080,
    "output_format": "webp",
    "seed": 7,
}
# Longest name of a file on the usual file systems, in bytes.
LONGEST_NAME = 255
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in "123456789")}

# Text from outside: anything, with a liking for what has meaning in paths and URLs.
WORDS = [
    "..",
    ".",
    "/",
    "\\",
    "%2f",
    "%2F",
    "%5c",
    "%00",
    "%2e",
    "%252f",
    "\0",
    ":",
    "~",
    " ",
    "?",
    "#",
    "-2",
    "{stem}",
    "}",
]
WORDS += ["CON", "nul", "aux.txt", ".png", "\u202e", "\u200b", "\ufeff", "\r\n", "\x1b[31m", "é" * 80, "a" * 300]
NASTY = st.lists(st.text(max_size=5) | st.sampled_from(WORDS), max_size=8).map("".join)


def rendered(template, /, *, name="photo.jpg", ext=".png", params=None, request_id="job_1", index=1, at=WHEN):
    """The path that a result gets by the template that a user wrote."""
    params = PARAMS if params is None else params
    return render_name(
        parse_output(template, params),
        name=name,
        ext=ext,
        params=params,
        endpoint="7b-image",
        request_id=request_id,
        index=index,
        submitted_at=at,
    )


@given(name=NASTY)
def test_a_folder_leads_nowhere_else(name):
    """{dir} is made of parts that are legal everywhere, wherever the name comes from: another machine's ledger, say."""
    path = rendered("out/{dir}/{stem}{ext}", name=name)
    assert path.startswith("out/")
    for part in path.split("/")[:-1]:
        assert_legal(part)
    assert rendered("out/{dir}/{stem}{ext}", name="../../etc/x.jpg") == "out/_/_/etc/x.png"


def assert_legal(name):
    """The name is one legal part of a path on any system, and hides nothing."""
    assert name
    assert name not in {".", ".."}
    assert not re.search(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|]', name)
    assert not re.search("[\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", name)
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    assert name.partition(".")[0].strip(" ").lower() not in DEVICES
    assert len(os.fsencode(name)) <= LONGEST_NAME


# What -o means.


@pytest.mark.parametrize(
    ("params", "template"),
    [
        ({}, "{stem}-upscaled{ext}"),
        ({"seed": 3, "output_format": "png"}, "{stem}-upscaled{ext}"),
        ({"upscale_factor": 2}, "{stem}-{scale}x{ext}"),
        ({"target_resolution": "1080p", "upscale_mode": "target"}, "{stem}-{target}{ext}"),
        ({"res_w": 800, "res_h": 600}, "{stem}-{width}x{height}{ext}"),
        ({"res_w": 800, "res_h": 600, "upscale_factor": 2}, "{stem}-{width}x{height}{ext}"),
        ({"res_w": 800}, "{stem}-{width}w{ext}"),
        ({"res_h": 600}, "{stem}-{height}h{ext}"),
    ],
)
def test_the_default_name_is_after_the_size(params, template):
    """Without -o a result is named after the size that was asked for."""
    assert default_template(params) == template
    assert parse_output(None, params) == Output("template", template)


def test_the_default_names_read_well():
    """The usual commands give the usual names."""
    assert rendered(None, params={"upscale_factor": 2}) == "photo-2x.png"
    assert rendered(None, params={"upscale_factor": 2.5}) == "photo-2.5x.png"
    assert rendered(None, params={"target_resolution": "1080p"}) == "photo-1080p.png"
    assert rendered(None, params={"res_w": 800, "res_h": 600}) == "photo-800x600.png"
    assert rendered(None, params={}) == "photo-upscaled.png"


def test_a_dash_is_standard_output():
    """`-o -` means the bytes on standard output."""
    assert parse_output("-", {}).kind == "stdout"


def test_a_folder_takes_the_default_name(tmp_path):
    """`-o` with a folder that exists, or a path that ends in a slash, puts the default name there."""
    for text in (str(tmp_path), f"{tmp_path}/", f"{tmp_path}/new/", "new/"):
        output = parse_output(text, {"upscale_factor": 2})
        assert output == Output("template", os.path.join(text, "{stem}-{scale}x{ext}"), text)


def test_a_folder_may_have_braces_in_its_name(tmp_path):
    """A folder that exists is a folder, even where its name looks like a template."""
    folder = tmp_path / "{stem} {x}"
    folder.mkdir()
    for text in (str(folder), f"{folder}/"):
        assert rendered(text, params={}) == os.path.join(text, "photo-upscaled.png")


def test_braces_make_a_template():
    """`-o` with a brace is a template."""
    assert parse_output("out/{stem}{ext}", {}) == Output("template", "out/{stem}{ext}", "out/{stem}{ext}")


def test_anything_else_is_a_file(tmp_path):
    """`-o` with another name is that file, whatever its ending."""
    for text in ("a.png", "a", str(tmp_path / "a.b.c"), "-a.png", "./-"):
        assert parse_output(text, {}) == Output("file", text, text)
        assert rendered(text, name="photo.jpg", ext=".webp", params={}) == text


def test_an_empty_name_is_refused():
    """`-o ''` is a usage error."""
    with pytest.raises(UsageError, match="-o"):
        parse_output("", {})


# Templates.


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{stem}.x", "photo.x"),
        ("a{ext}", "a.png"),
        ("{name}", "photo.jpg"),
        ("{request_id}", "job_1"),
        ("{endpoint}", "7b-image"),
        ("{scale}", "2"),
        ("{target}", "1080p"),
        ("{width}x{height}", "1920x1080"),
        ("{format}", "webp"),
        ("{seed}", "7"),
        ("{index}", "3"),
        ("{index:05}", "00003"),
        ("{index:3}", "  3"),
        ("{date}", "2026-05-22"),
        ("{{{stem}}}", "{photo}"),
        ("{{stem}}", "{stem}"),
        ("{date}/{endpoint}/{stem}-{index:02}{ext}", "2026-05-22/7b-image/photo-03.png"),
    ],
)
def test_every_field_of_a_template(template, name):
    """Each field of a template stands for what the contract says, and a doubled brace for a brace."""
    assert rendered(template, index=3) == name


def test_no_field_is_forgotten():
    """The fields are those of the contract."""
    contract = (
        "{stem} {ext} {name} {request_id} {endpoint} {scale} {target} {width} {height} {format} {seed} {index} {date}"
    )
    contract += " {dir} {key} {tag}"
    assert [field for _, field, _, _ in string.Formatter().parse(contract)] == list(FIELDS)


@pytest.mark.parametrize(("field", "flag"), [("scale", "scale"), ("target", "target"), ("width", "width"),
                                             ("height", "height"), ("format", "format"), ("seed", "seed")])  # fmt: skip
def test_a_field_that_is_not_set_is_refused(field, flag):
    """A field whose flag is not given is a usage error before anything is paid, not an empty name."""
    with pytest.raises(UsageError, match=f"--{flag}"):
        parse_output(f"{{stem}}-{{{field}}}{{ext}}", {})


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{steem}", "did you mean stem?"),
        ("{Stem}", "did you mean stem?"),
        ("{indx:05}", "did you mean index?"),
        ("{requestid}", "did you mean request_id?"),
        ("{}", "not a field"),
        ("{0}", "not a field"),
        ("{stem.upper}", "not a field"),
        ("{stem.__class__}", "not a field"),
        ("{stem[0]}", "not a field"),
        ("{stem!r}", "not a field"),
        ("{stem:>20}", "only {index:05} takes a width"),
        ("{index:>5}", "only {index:05} takes a width"),
        ("{index:{width}}", "only {index:05} takes a width"),
        ("{index:0999999999}", "only {index:05} takes a width"),
        ("{index:x}", "only {index:05} takes a width"),
        ("{stem", "write {{ for a brace"),
        ("stem}", "write {{ for a brace"),
        ("{stem}}", "write {{ for a brace"),
    ],
)
def test_a_wrong_template_says_what_is_wrong(template, says):
    """An unknown field names the nearest and all there are, and other forms say how to write it."""
    with pytest.raises(UsageError) as caught:
        parse_output(template, PARAMS)
    assert says in caught.value.message


@settings(deadline=None)
@given(st.text() | NASTY)
def test_any_output_is_understood_or_refused(text):
    """Whatever -o says, it is a file, a template or standard output, or a usage error."""
    try:
        output = parse_output(text, PARAMS)
    except UsageError:
        return
    assert output.kind in {"file", "template", "stdout"}
    if output.kind != "stdout":
        assert isinstance(rendered(text), str)


# For a later command in another folder.


def test_a_job_remembers_where_its_result_goes(tmp_path, monkeypatch):
    """What is recorded of -o names the same file from any folder, and nothing where the default was meant."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    for text, path in [("a.png", "a.png"), ("there", "there/photo-2x.png"), ("new/", "new/photo-2x.png"),
                       ("{stem}-{index}{ext}", "photo-1.png"), ("../up.png", "../up.png")]:  # fmt: skip
        recorded = parse_output(text, {"upscale_factor": 2}).absolute
        monkeypatch.chdir("/")
        assert rendered(recorded, params={"upscale_factor": 2}) == os.path.normpath(tmp_path / path)
        monkeypatch.chdir(tmp_path)
    assert parse_output(None, {}).absolute is None
    assert parse_output("-", {}).absolute is None


@pytest.mark.parametrize("text", ["a.png", "{stem}-2x{ext}", "new/", ".", "out{{1}}/{stem}{ext}"])
def test_a_job_remembers_a_folder_with_braces(text, tmp_path, monkeypatch):
    """A current folder whose name has braces is remembered as it is, and not as a template."""
    folder = tmp_path / "{album} {1}"
    folder.mkdir()
    monkeypatch.chdir(folder)
    recorded = parse_output(text, {}).absolute
    meant = os.path.abspath(rendered(text, params={}))
    monkeypatch.chdir(tmp_path)
    assert rendered(recorded, params={}) == meant


# Names that stay in their folder.


@settings(deadline=None)
@given(st.text() | NASTY)
@example("a" * 149 + "." + "b" * 30)
@example("a" * 149 + " " + "b" * 30)
@example("con .png")
@example(". a")
@example("é" * 200 + ".jpeg")
@example("\U0001f600" * 100)
@example("x" * 10 + "." + "é" * 15)
def test_a_safe_name_is_legal_everywhere(text):
    """Whatever text a name is made of, it is a single legal part of a path on any system."""
    name = safe_name(text, fallback="image")
    assert_legal(name)
    assert len(os.fsencode(name)) <= LONGEST_PART


@settings(deadline=None)
@given(st.text() | NASTY)
def test_a_safe_name_stays_as_it_is(text):
    """Making a name safe twice changes nothing more."""
    name = safe_name(text)
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name", ["CON", "con.txt", "nul", "Aux.png", "COM1.jpg", "lpt9", "nul.tar.gz", "con .png", "AUX."]
)
def test_windows_devices_are_no_names(name):
    """A name that Windows takes for a device gets an underscore in front."""
    assert safe_name(name).startswith("_")


@pytest.mark.parametrize(
    "name", ["photo.jpg", "a b.png", "ä.webp", "写真.png", "console.png", "com10.png", "x-2.tar.gz", "(1)"]
)
def test_ordinary_names_stay(name):
    """A name that is legal everywhere is not touched."""
    assert safe_name(name) == name


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_a_file_name_of_any_bytes_has_a_safe_name(raw):
    """A file on disk whose name is no Unicode gets a name all the same."""
    name = safe_name(os.fsdecode(raw.replace(b"/", b"").replace(b"\0", b"")), fallback="image")
    assert_legal(name)


@pytest.mark.parametrize("text", ["\ud800", "a\ud83d.png", "\udfff" * 100])
def test_text_cut_within_a_character_has_a_safe_name(text):
    """Half a character, as JSON may carry it, is no reason to crash."""
    name = safe_name(text)
    assert_legal(name)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.com/photo.jpg", "photo.jpg"),
        ("https://example.com/a/b/photo.jpg?size=2#x", "photo.jpg"),
        ("https://example.com/a/b/", "b"),
        ("https://example.com/my%20photo.jpg", "my photo.jpg"),
        ("https://example.com/%C3%A9t%C3%A9.png", "été.png"),
        ("https://example.com/a%2Fb.png", "a_b.png"),
        ("https://example.com/..%2F..%2Fetc%2Fpasswd", "_.._etc_passwd"),
        ("https://example.com/a%5Cb.png", "a_b.png"),
        ("https://example.com/%2e%2e", "image"),
        ("https://example.com/..", "image"),
        ("https://example.com/a%00b.png", "a_b.png"),
        ("https://example.com/.htaccess", "htaccess"),
        ("https://example.com", "image"),
        ("https://example.com/?file=a.png", "image"),
        ("https://example.com/%ff.png", "\ufffd.png"),
        ("https://[broken", "image"),
    ],
)
def test_the_name_in_a_url(url, name):
    """A source's name is the last part of its URL's path, decoded and made safe."""
    assert source_name(url, "image") == name


@settings(deadline=None)
@given(
    st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=90),
    st.sampled_from(["", "?a=/b.c", "#/c.d"]),
)
@example("longest-name.jpg", "")
def test_the_short_way_to_a_name_is_the_long_one(name, rest):
    """A plain URL's name is the same whether its first letter is written plainly or percent-encoded."""
    encoded = f"%{ord(name[0]):02x}{name[1:]}"
    assert source_name(f"https://h/a/{name}{rest}", "image") == source_name(f"https://h/a/{encoded}{rest}", "image")


@settings(deadline=None)
@given(
    path=NASTY,
    encode=st.sampled_from([str, quote, lambda text: quote(text, safe=""), lambda text: quote(quote(text, safe=""))]),
    template=st.sampled_from(
        [None, "{stem}{ext}", "{name}", "{stem}-{index:05}{ext}", "{stem}", "{name}{ext}", "{request_id}{ext}"]
    ),
    request_id=NASTY,
    ext=st.sampled_from(["", ".png", ".mp4"]),
    params=st.fixed_dictionaries(
        {}, optional={"upscale_factor": st.integers(1, 8), "res_w": st.just(4096), "res_h": st.just(4096)}
    ),
)
def test_no_url_leads_out_of_the_folder(path, encode, template, request_id, ext, params):
    """Whatever a URL or a request id says, the result stays in the folder that was asked for."""
    name = source_name(f"https://example.com/{encode(path)}", "image")
    assert_legal(name)
    wanted = None if template is None else f"out/{template}"
    result = rendered(wanted, name=name, ext=ext, params=params, request_id=request_id)
    folder = "out" if template else ""
    assert os.path.dirname(result) == folder
    assert os.path.normpath(result) == result
    assert os.path.basename(result) not in {"", ".", ".."}
    assert "\0" not in result
    assert len(os.fsencode(os.path.basename(numbered(result, 99999)))) + len(".part") <= LONGEST_NAME


@settings(deadline=None)
@given(st.text(min_size=1) | NASTY)
def test_no_parameter_leads_out_of_the_folder(text):
    """A value that came by -p cannot bring a folder of its own into a name."""
    for field, wire in (("scale", "upscale_factor"), ("target", "target_resolution"), ("format", "output_format")):
        result = rendered(f"out/x-{{{field}}}{{ext}}", params={wire: text})
        assert os.path.dirname(result) == "out"


# Numbers against collisions.

BASES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "out/", "/tmp/a.b/", "../"]),
    (st.text() | NASTY).map(lambda text: safe_name(text, fallback="image")),
    st.sampled_from(["", ".png", "-2.png", ".tar.gz", "-1"]),
)
COUNTS = st.integers(1, 10**6)


@settings(deadline=None)
@given(BASES, COUNTS)
def test_a_number_is_read_back(base, number):
    """The number that made a name is found in it again."""
    assert number_of(numbered(base, number), base) == number


@settings(deadline=None)
@given(BASES, COUNTS, COUNTS)
def test_two_numbers_make_two_names(base, one, other):
    """Different numbers never make the same name."""
    assert (numbered(base, one) == numbered(base, other)) == (one == other)


@settings(deadline=None)
@given(BASES, COUNTS)
def test_a_numbered_name_stays_in_the_folder(base, number):
    """A number changes neither the folder nor the ending of a name."""
    path = numbered(base, number)
    assert os.path.dirname(path) == os.path.dirname(base)
    assert os.path.splitext(path)[1] == os.path.splitext(base)[1]


@settings(deadline=None)
@given(BASES, st.text() | NASTY)
def test_a_name_has_the_number_that_makes_it_or_none(base, path):
    """Any path is made of the base by its number, or has none."""
    number = number_of(path, base)
    assert number is None or numbered(base, number) == path


@pytest.mark.parametrize(
    "path", ["photo-1.png", "photo-0.png", "photo-02.png", "photo-x.png", "photo-.png", "photo-2.jpg", "photo2.png",
             "photo--2.png", "photo-2-2.png", "photo-².png", "photo-٣.png", "other.png", "photo-2"],
)  # fmt: skip
def test_other_names_have_no_number(path):
    """A name that no number would make is not taken for a numbered one."""
    assert number_of(path, "photo.png") is None


def test_the_numbers_begin_at_two():
    """The first name is plain, the next ones are -2 and -3."""
    assert [numbered("a/photo.png", number) for number in (1, 2, 3)] == [
        "a/photo.png",
        "a/photo-2.png",
        "a/photo-3.png",
    ]
    assert numbered("a.b/photo", 2) == "a.b/photo-2"


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "b"]), st.integers(0, 20))))
def test_items_in_flight_never_hold_the_same_number(steps):
    """Of two items that mean the same name, each holds a number of its own, the lowest that is free."""
    names, held = Names(), []
    for takes, base, which in steps:
        if takes or not held:
            number = names.hold(base)
            taken = {other for name, other in held if name == base}
            assert number == min(set(range(1, len(taken) + 2)) - taken)
            held.append((base, number))
        else:
            names.release(*held.pop(which % len(held)))
        for name, number in held:
            assert names.others(name, number) == {other for one, other in held if one == name} - {number}


def test_nothing_is_held_of_other_names():
    """The numbers of one name say nothing of another's."""
    names = Names()
    assert (names.hold("a"), names.hold("a"), names.hold("b")) == (1, 2, 1)
    assert names.others("c", 1) == frozenset()


def test_an_object_has_a_name_of_unicode():
    """Bytes of a source's name that are no text stay in a file's name, and not in that of an object."""
    facts = {"ext": ".png", "params": {}, "endpoint": "7b-image", "request_id": "x", "index": 1, "submitted_at": None}
    name = os.fsdecode(b"caf\xe9.png")
    assert render_name(parse_output("out/", {}), name=name, **facts) == os.fsdecode(b"out/caf\xe9-upscaled.png")
    assert render_name(parse_output("s3://out/", {}), name=name, **facts) == "s3://out/caf_-upscaled.png"


def test_a_name_of_millions_of_characters_is_cut_at_once():
    """A line that holds a whole picture, as a data URL does, is as quickly too long as any other."""
    assert safe_name("\u00e9" * 3_000_000 + ".png") == safe_name("\u00e9" * 300 + ".png")
