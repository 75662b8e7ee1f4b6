"""One table reads what a flag, a config file or a line of a list says, and has every default."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.options import ITEM_OPTIONS, OPTIONS, as_stored, option_name, read, read_item

# What may be written for an option, as text or as a value of TOML or JSON, and the value that it is.
VALUES = [
    ("timeout", "90s", 90.0),
    ("timeout", "1h30m", 5400.0),
    ("timeout", 60, 60.0),
    ("timeout", "0", 0.0),
    ("poll-interval", "250ms", 0.25),
    ("poll-interval", 2.5, 2.5),
    ("max-cost", "0.05", 50_000),
    ("max-cost", "$1", 1_000_000),
    ("max-cost", 2, 2_000_000),
    ("max-cost", 0.1, 100_000),
    ("max-cost-per-day", "5", 5_000_000),
    ("max-cost-per-month", "5", 5_000_000),
    ("max-cost-per-tag", "nightly=5, a=b=0.1", {"nightly": 5_000_000, "a=b": 100_000}),
    ("max-cost-per-tag", {"nightly": 5}, {"nightly": 5_000_000}),
    ("tag", "nightly", ("nightly",)),
    ("tag", [" a, b ", "a", 7], ("a", "b", "7")),
    ("max-filesize", "8G", 8 << 30),
    ("max-filesize", "500 MB", 500 << 20),
    ("max-filesize", "1.5KiB", 1536),
    ("max-filesize", 1000, 1000),
    ("rate", "30/m", 0.5),
    ("rate", 5, 5.0),
    ("jobs", "16", 16),
    ("jobs", 1, 1),
    ("overwrite", "yes", True),
    ("overwrite", False, False),
    ("json", 1, True),
    ("model", "7B", "7b"),
    ("model", "3b-video", "3b-video"),
    ("progress", "LIVE", "live"),
    ("webhook", "https://example.com/h", "https://example.com/h"),
    ("webhook-mode", "sync", "sync"),
    ("base-url", "https://EXAMPLE.com:443/", "https://example.com"),
    ("output", "{stem}{ext}", "{stem}{ext}"),
    ("scale", "2", 2),
    ("scale", "2.50", 2.5),
    ("seed", 7, 7),
    ("format", "h265", "h265"),
    ("format", "jpeg", "jpeg"),
    ("sync", "on", True),
    ("body-webhook-events", "start, output", ["start", "output"]),
    ("job-id", "abc", "abc"),
    ("key", " cat ", "cat"),
    ("key", 7, "7"),
    ("jobs", "65535", 65_535),
    ("param", {"a": [1]}, {"a": [1]}),
    ("param", ["a=1", "b=two", "job_id=3"], {"a": 1, "b": "two", "job_id": "3"}),
    ("param", 'a={"b": null}', {"a": {"b": None}}),
]
WRONG = [
    ("timeout", "soon"),
    ("timeout", "9" * 90 + "e9"),
    ("timeout", True),
    ("timeout", date(2026, 1, 1)),
    ("poll-interval", "0"),
    ("max-cost", "much"),
    ("max-cost", float("inf")),
    ("rate", "0"),
    ("jobs", "0"),
    ("jobs", "1.5"),
    ("jobs", True),
    ("jobs", "65536"),
    ("key", " "),
    ("key", True),
    ("key", ["cat"]),
    ("tag", "a,,b"),
    ("tag", ["a\nb"]),
    ("tag", "x" * 65),
    ("tag", [["a"]]),
    ("max-cost-per-tag", "5"),
    ("max-cost-per-tag", "a=1,a=2"),
    ("max-cost-per-tag", {"a": "much"}),
    ("jobs", "9" * 5000),
    ("timeout", "9" * 5000),
    ("max-cost", "9" * 5000),
    ("seed", "9" * 5000),
    ("overwrite", "perhaps"),
    ("overwrite", [True]),
    ("model", "5b"),
    ("model", ["7b"]),
    ("progress", "bar"),
    ("webhook", "http://example.com"),
    ("webhook", "https://example.com/ä"),
    ("base-url", "http://example.com"),
    ("output", ""),
    ("scale", "9"),
    ("scale", [2]),
    ("format", "gif"),
    ("param", "novalue"),
    ("param", ["a=1", "a=2"]),
    ("param", [1]),
    ("param", "a=NaN"),
]


@pytest.mark.parametrize(("name", "written", "value"), VALUES, ids=lambda value: repr(value)[:30])
def test_what_is_written_becomes_its_value(name, written, value):
    """Whatever the form in which an option is written, it is one value of one type."""
    found = read(name, written, f"--{name}")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("name", "written"), WRONG, ids=lambda value: repr(value)[:30])
def test_what_is_wrong_is_one_short_line(name, written):
    """A wrong value, of thousands of digits too, is one usage error that says where it stood."""
    with pytest.raises(UsageError) as caught:
        read(name, written, "[default] x")
    assert caught.value.message.startswith("[default] x: ")
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300


@settings(deadline=None)
@given(
    st.sampled_from(sorted(OPTIONS)),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers()),
)
def test_any_value_is_read_or_refused(name, value):
    """No text and no value of JSON does anything else."""
    with suppress(UsageError):
        read(name, value, "x")


def test_a_parameter_is_good_where_one_endpoint_takes_it():
    """What only videos take is read, and what no endpoint takes is refused with what each of them takes."""
    assert read("format", "h264", "--format") == "h264"
    with pytest.raises(UsageError, match="7b-image and 3b-image take 1-8, 3b-video takes 1-4, not '9'"):
        read("scale", "9", "--scale")


def test_a_number_that_cannot_be_shown_is_named():
    """A number of thousands of digits, as a program may hand it in, is no traceback and no page of digits."""
    with pytest.raises(UsageError, match=r"^seed: .* take 0-2147483647, not 'a int'$"):
        read("seed", 10**5000, "seed")
    for name in ("jobs", "timeout", "max-cost", "max-filesize", "rate"):
        with pytest.raises(UsageError, match=f"^{name}: a number of more than 100 characters is too long$"):
            read(name, 10**5000, name)


def test_the_defaults_are_those_of_the_contract():
    """16 jobs, 5 seconds between polls, 30 minutes of patience, 2 hours for videos, and the sandbox is asked often."""
    assert OPTIONS["jobs"].default == 16
    assert (OPTIONS["timeout"].default_in("image"), OPTIONS["timeout"].default_in("video")) == (1800, 7200)
    assert (OPTIONS["poll-interval"].default_in("video"), OPTIONS["poll-interval"].default_in("image", "sandbox")) == (
        5,
        0.25,
    )
    assert OPTIONS["progress"].default == "auto"
    assert {name for name, option in OPTIONS.items() if option.default is False} == {
        "overwrite", "recursive", "json", "quiet", "verbose", "keep-upload", "title", "bell",
    }  # fmt: skip


def test_a_default_would_be_taken_itself():
    """Every default is a value that its option takes."""
    for option in OPTIONS.values():
        for default in (option.default, *option.defaults.values()):
            if default is not None:
                assert option.parse(default) == default


def test_every_flag_of_the_catalog_is_in_the_table():
    """Each parameter with a flag is an option, which a line may have; only one job's own name is not stored."""
    flags = {one.flag for endpoint in ENDPOINTS.values() for one in endpoint.parameters} - {""}
    assert flags <= OPTIONS.keys()
    assert flags | {"model", "output", "param", "key", "tag", "webhook", "webhook-mode"} == ITEM_OPTIONS
    assert {name for name in OPTIONS if not OPTIONS[name].is_stored} == {"job-id", "param", "key", "tag"}


def test_the_words_of_an_option_are_taken():
    """What is offered at TAB is taken, and second spellings are not offered."""
    for option in OPTIONS.values():
        for word in option.words:
            option.parse(word)
    assert OPTIONS["format"].words == ("png", "webp", "jpg", "same", "h264", "h265")
    assert OPTIONS["sync"].words == OPTIONS["quiet"].words == ("true", "false")
    assert OPTIONS["model"].words == ("7b", "3b")


def test_a_line_is_read_by_the_same_table():
    """A line's own options come out by flag name with their values, whether it is JSON or CSV."""
    by_json = read_item({"scale": 2, "webhook_mode": "sync", "param": {"job_id": "abc"}})
    by_csv = read_item({"Scale": "2", "webhook-mode": "sync", "param": "job_id=abc"})
    assert by_json == by_csv == {"scale": 2, "webhook-mode": "sync", "param": {"job_id": "abc"}}


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"sclae": 2}, r"'sclae' is no option of an item \(did you mean scale\?\)"),
        ({"jobs": 2}, "'jobs' is no option of an item"),
        ({"scale": "x"}, "^scale: "),
        ({"output": 5}, "^output: "),
    ],
)
def test_a_wrong_line_says_what_is_wrong(own, says):
    """An option that is unknown, no item's, or wrong is a usage error with its name."""
    with pytest.raises(UsageError, match=says):
        read_item(own)


def test_names_are_forgiving():
    """An option's name may be written as a flag, with underscores, and in any case."""
    assert {option_name(name) for name in ("poll-interval", "poll_interval", " --Poll-Interval")} == {"poll-interval"}


@pytest.mark.parametrize(
    ("name", "written", "stored"),
    [("scale", "2", 2), ("overwrite", "yes", True), ("timeout", "90s", "90s"), ("max-cost", "0.05", "0.05"),
     ("body-webhook-events", "completed", "completed"), ("base-url", "https://a.example/", "https://a.example")],
)  # fmt: skip
def test_a_config_file_keeps_what_a_person_would_write(name, written, stored):
    """A plain number or switch is stored as such, and what has a unit as it was written; both are read as the same."""
    value = read(name, written, name)
    assert as_stored(value, written) == stored
    assert read(name, stored, name) == value


@pytest.mark.parametrize(
    ("name", "circumstances", "shown"),
    [("timeout", (), "30m"), ("timeout", ("video",), "2h"), ("poll-interval", ("sandbox",), "0.25"), ("jobs", (), "16"),
     ("max-filesize", (), "64G"), ("keep-metadata", (), "on"), ("overwrite", (), None), ("max-cost", (), None)],
)  # fmt: skip
def test_a_default_is_shown_as_it_would_be_given(name, circumstances, shown):
    """A default is shown as a flag would take it; one that is nothing, or off, is not shown."""
    option = OPTIONS[name]
    assert option.shown_default(*circumstances) == shown
    if shown is not None:
        assert option.parse(shown) == option.default_in(*circumstances)


@pytest.mark.parametrize(
    ("name", "limits"),
    [("scale", (1, 8)), ("noise", (0, 1)), ("width", (256, 4096)), ("jobs", (1, 65535)), ("format", None)],
)
def test_limits_are_those_of_any_endpoint(name, limits):
    """A number's limits are the widest of the endpoints that take it; what is no number has none."""
    assert OPTIONS[name].limits == limits
