"""Answers: all that the gateway may say becomes one form, or none."""

import json
from datetime import UTC, datetime

import pytest
from fakes.transport import COMPLETED, MEDIA
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvr_cli.gateway.answers import LARGEST_EXTRA, LONGEST_ERROR, LONGEST_ID, LONGEST_WORD, parse_answer
from seedvr_cli.values.catalog import TERMINAL


def test_an_answer_has_all_its_fields():
    """A documented answer is understood whole, both timestamps as UTC."""
    parsed = parse_answer(COMPLETED)
    assert (parsed.request_id, parsed.status, parsed.media_url, parsed.media_type, parsed.error) == (
        "job_1",
        "COMPLETED",
        (MEDIA,),
        "image/png",
        None,
    )
    assert parsed.created_at == datetime(2026, 5, 22, 13, 17, 32, 110_000, tzinfo=UTC)
    assert parsed.completed_at == datetime(2026, 5, 22, 13, 19, 23, tzinfo=UTC)
    assert parsed.extra == {}


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("WARMING_UP", "WARMING_UP"),
        ("completed", "COMPLETED"),
        (" Error ", "ERROR"),
        ("CANCELLED", "CANCELLED"),
        ("", ""),
    ],
)
def test_an_unknown_word_is_kept_and_still_running(word, status):
    """A status that the reference does not know is kept as text; only the three known ends are ends."""
    parsed = parse_answer({**COMPLETED, "status": word})
    assert parsed.status == status
    assert (parsed.status in TERMINAL) == (status in {"COMPLETED", "FAILED", "ERROR"})


@pytest.mark.parametrize("status", [None, 5, {}, ["COMPLETED"]])
def test_a_missing_word_is_a_job_that_waits(status):
    """An answer with a request id and no status is a job that was accepted."""
    assert parse_answer({"request_id": "job_1", "status": status}).status == "QUEUED"
    assert parse_answer({"request_id": "job_1"}).status == "QUEUED"


@pytest.mark.parametrize(
    ("output", "urls"),
    [
        ({"media_url": MEDIA}, (MEDIA,)),
        ({"media_url": [MEDIA, MEDIA + "?2"]}, (MEDIA, MEDIA + "?2")),
        ({"media_url": [MEDIA, None, 5, {"url": "x"}]}, (MEDIA,)),
        ({"media_url": []}, ()),
        ({"media_url": None}, ()),
        ({"media_url": {"url": MEDIA}}, (MEDIA,)),
        ({}, ()),
        (None, ()),
        ([MEDIA], (MEDIA,)),
        ([{"url": MEDIA}], (MEDIA,)),
        ({"video": {"url": MEDIA, "size": 5}}, (MEDIA,)),
        ("no URL", ()),
        (MEDIA, (MEDIA,)),
    ],
)
def test_media_urls_come_in_several_forms(output, urls):
    """media_url may be a list or one URL; what is no text in it is left out."""
    assert parse_answer({**COMPLETED, "output": output}).media_url == urls


@pytest.mark.parametrize(
    ("error", "text"),
    [(None, None), ("no", "no"), ({"code": 3}, '{"code": 3}'), (["a"], '["a"]'), (False, "false"), (5, "5")],
)
def test_an_error_is_text_or_none(error, text):
    """A job's error may be missing, text, or JSON, which is kept as text."""
    assert parse_answer({**COMPLETED, "error": error}).error == text
    assert parse_answer({"request_id": "job_1", "status": "FAILED"}).error is None


def test_extra_fields_pass_through():
    """Fields that the reference does not know are kept as they are, those of the output apart."""
    body = {**COMPLETED, "eta": 5, "nested": {"a": [1]}}
    body["output"] = {**COMPLETED["output"], "width": 640}
    assert parse_answer(body).extra == {"eta": 5, "nested": {"a": [1]}, "output": {"width": 640}}


@pytest.mark.parametrize(
    "body",
    [
        None,
        True,
        5,
        "text",
        [],
        [[], COMPLETED],
        {},
        {"status": 5},
        {"request_id": True},
        {"error": "x"},
        {"status": "ERROR"},
    ],
)
def test_what_is_no_job_is_none(body):
    """JSON that is not about a job is no answer."""
    assert parse_answer(body) is None


TEXTS = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=8)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*COMPLETED, "polling_url", "other"]), ANY_JSON))
def test_no_answer_crashes_the_reading(body):
    """Whatever JSON the gateway sends, it is read or not, and what is read has the types that it should have."""
    parsed = parse_answer(body)
    if parsed is not None:
        assert isinstance(parsed.status, str)
        assert parsed.request_id is None or isinstance(parsed.request_id, str)
        assert parsed.error is None or isinstance(parsed.error, str)
        assert parsed.media_type is None or isinstance(parsed.media_type, str)
        assert all(isinstance(url, str) for url in parsed.media_url)


@pytest.mark.parametrize("field", ["request_id", "status", "error", "media_type", "media_url"])
def test_what_is_read_can_be_recorded(field):
    """Half a character, as JSON may carry it, is no text that could be written down, and is replaced."""
    cut = json.loads('"cut \\ud83d"')
    body = json.loads(json.dumps(COMPLETED))
    if field in body:
        body[field] = cut
    else:
        body["output"][field] = [cut] if field == "media_url" else cut
    parsed = parse_answer(body)
    texts = [parsed.request_id, parsed.status, parsed.error, parsed.media_type, *parsed.media_url]
    for text in texts:
        assert text is None or text.encode("utf-8")


def test_what_is_endless_of_an_answer_is_cut():
    """Words, errors and what nobody asked for are kept up to a length, so that one answer does not fill the ledger."""
    huge = "x" * (1 << 20)
    parsed = parse_answer(
        {**COMPLETED, "status": huge, "error": huge, "huge": huge, "small": 1, "list": list(range(100_000))}
    )
    assert parsed.request_id == "job_1"
    assert len(parsed.status) == LONGEST_WORD
    assert len(parsed.error) == LONGEST_ERROR
    assert parsed.extra == {"small": 1}
    many = {f"field-{number}": "x" * 1000 for number in range(1000)}
    assert len(json.dumps(parse_answer({**COMPLETED, **many}).extra)) <= LARGEST_EXTRA * 1.1


def test_an_id_that_fits_in_no_url_is_none():
    """A job with an id of that length could not be asked for."""
    assert parse_answer({"request_id": "j" * LONGEST_ID}).request_id == "j" * LONGEST_ID
    assert parse_answer({"request_id": "j" * (LONGEST_ID + 1)}) is None
