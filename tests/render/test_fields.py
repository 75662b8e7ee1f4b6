"""Fields of the JSON object: what they find, and what is said of those that are none."""

import json

import pytest
from helpers.outcomes import FILE, job, purchase

from seedvr_cli.render import machine
from seedvr_cli.render.fields import Fields, Template, field_names
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.items import Outcome

DONE = machine.outcome_object(
    Outcome(item=purchase(), job=job(media_url=("https://a/b.png",), extra={"queue": "fast"}), files=(FILE,))
)


def test_fields_are_an_object_in_their_order():
    """An object has the fields that were asked for, under their names, in their order, and null where nothing is."""
    line = Fields.read(
        "status, files[0].path,files[1].path,params.upscale_factor,extra.queue,error.code,media_url[0],v"
    ).line(DONE)
    assert list(json.loads(line).items()) == [
        ("status", "COMPLETED"),
        ("files[0].path", FILE.path),
        ("files[1].path", None),
        ("params.upscale_factor", 2),
        ("extra.queue", "fast"),
        ("error.code", None),
        ("media_url[0]", "https://a/b.png"),
        ("v", 1),
    ]


def test_every_field_that_is_listed_can_be_asked_for():
    """All names of the list are fields, and all keys of the object are in it."""
    names = list(field_names())
    assert set(DONE) < set(names)
    assert {f"files[0].{key}" for key in DONE["files"][0]} < set(names)
    assert set(json.loads(Fields.read(",".join(names)).line(DONE))) == set(names)


def test_the_parts_of_a_key_are_those_of_the_object():
    """The table of what is below a key has the keys that are there, in their order."""
    failure = machine.failure_object(UsageError("no"))
    assert {name: list(parts) for name, parts in machine.PARTS.items()} == {
        "files": list(DONE["files"][0]),
        "error": list(failure["error"]),
    }
    assert list(failure) == list(DONE) == list(machine.KEYS)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("statu", "(did you mean status?)"),
        ("file[0].path", "(did you mean files[0].path?)"),
        ("files[0].pth", "(did you mean files[0].path?)"),
        ("files.path", "(did you mean files[0].path?)"),
        ("error.cod", "(did you mean error.code?)"),
        ("status[0]", ""),
        ("status.x", ""),
        ("media_url[0].x", ""),
        ("", "is no field"),
        ("files[-1]", "is no field"),
        ("files[0", "is no field"),
        ("files[9999999]", "is no field"),
        ("a..b", "is no field"),
    ],
)
def test_what_is_no_field_is_refused(text, meant):
    """A name that is none is a usage error, with the nearest one where one is near, in both flags."""
    for read in (lambda: Fields.read(f"v,{text}"), lambda: Template.read(f"{{{text}}}")):
        with pytest.raises(UsageError) as caught:
            read()
        assert meant in caught.value.message
        assert "lists them" in caught.value.hint


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("{request_id} {files[0].path}", f"job_1 {FILE.path}"),
        ("{{{status}}} 100%", "{COMPLETED} 100%"),
        ("{price_usd}\t{resumed}", "0.001\tfalse"),
        (r"{status}\n", r"COMPLETED\n"),
        ("{error.code}|{status}", "|COMPLETED"),
        ("{params}", '{"upscale_factor": 2}'),
        ("no field", "no field"),
        ("{error.code}{files[7].path}", None),
    ],
)
def test_a_template_is_a_line(template, line):
    """Values stand in their places, JSON where they are no text; a line of nothing but missing values is none."""
    assert Template.read(template).line(DONE) == line


@pytest.mark.parametrize("text", ["", "{", "}", "{status", "status}", "{{status}", "{}"])
def test_a_template_that_is_none_is_refused(text):
    """A brace that stands alone, and a text that says nothing, are usage errors."""
    with pytest.raises(UsageError):
        Template.read(text)


def test_values_end_no_line_and_move_no_cursor(capsys, monkeypatch):
    """Control characters of a value are gone, those of the template stay; a path's odd bytes go to a pipe alone."""
    value = {**DONE, "source": "a\x1b[31m\nb\u202e\tc", "status": "\udce9", "endpoint": "\ud800"}
    assert Template.read("{source}\t{status}\n{endpoint}").line(value) == "a[31m b c\t\udce9\n?"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert Template.read("{status}").line(value) == "?"
