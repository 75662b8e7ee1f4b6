"""What makes a request the same as another: identities, and what they forget."""

import itertools
import json

import pytest
from helpers.building import GATEWAY, HOOK, URL, build, key, key_of, source
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.request import KEY_LENGTH, Source, build_request, identifying_params, job_key, named_identity


@pytest.mark.parametrize(
    ("name", "spellings"),
    [
        (
            "7b-image",
            [{"scale": 2}, {"scale": 2.0}, {"scale": "2"}, {"scale": "2.0"}, {"scale": " 2 "}, {"scale": "2e0"}],
        ),
        ("7b-image", [{"noise": 0}, {"noise": "0.0"}, {"noise": "-0"}, {"noise": -0.0}]),
        ("7b-image", [{"noise": 0.5}, {"noise": ".5"}, {"noise": "0.50"}]),
        ("7b-image", [{"format": "jpg"}, {"format": "jpeg"}, {"format": "JPG"}]),
        ("3b-image", [{"format": "jpg"}, {"format": "jpeg"}]),
        ("3b-image", [{"target": "1080p"}, {"target": "1080P"}]),
        ("3b-image", [{}, {"sync": False}, {"sync": None}, {"scale": None}]),
        ("3b-video", [{"format": "h264"}, {"format": "x264"}, {"format": "avc"}, {"format": "X264 (.mp4)"}]),
        ("3b-video", [{"format": "h265"}, {"format": "HEVC"}]),
    ],
)
def test_the_same_in_other_words_is_paid_once(name, spellings):
    """However a value is written, the request's identity is the same."""
    assert len({key_of(build_request(ENDPOINTS[name], source(), one)) for one in spellings}) == 1


def test_the_order_does_not_matter():
    """The same options in any order, by flag or by -p, are the same request."""
    words = ["upscale_factor=2", "seed=7", "output_format=jpg", "foo=[1]"]
    keys = {key("7b-image", order) for order in itertools.permutations(words)}
    keys.add(key("7b-image", ["foo=[1]"], format="jpeg", seed="7", scale=2.0))
    assert len(keys) == 1


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1), st.integers() | st.booleans() | st.text() | st.lists(st.integers()), min_size=1
    ),
    st.randoms(),
)
def test_the_canonical_form_forgets_the_order(params, random):
    """Equal parameters have one text, whatever order they were given in."""
    shuffled = list(params.items())
    random.shuffle(shuffled)
    endpoint = ENDPOINTS["7b-image"]
    text = identifying_params(endpoint, params)
    assert identifying_params(endpoint, dict(shuffled)) == text
    assert json.loads(text) == {key: value for key, value in params.items() if key != "job_id"}


def test_notifications_do_not_make_another_request():
    """Asking to be called, or otherwise, is no reason to pay again."""
    plain = key("3b-image", scale=2)
    assert key("3b-image", scale=2, webhook=HOOK) == plain
    assert key("3b-image", scale=2, webhook=HOOK, webhook_mode="sync") == plain
    assert key("3b-image", scale=2, body_webhook=HOOK, body_webhook_events="*") == plain
    assert key("3b-image", [f"webhook={HOOK}"], scale=2) == plain


def test_what_says_nothing_of_the_result_makes_no_other_request():
    """A name for the gateway's own records, and how the answer comes, are no reason to pay again."""
    plain = key("7b-image", scale=2)
    assert key("7b-image", scale=2, job_id="a") == key("7b-image", ["job_id=b"], scale=2) == plain
    assert key("3b-image", scale=2, sync=True) == key("3b-image", scale=2)


def test_a_name_of_the_users_own_is_no_source():
    """--key stands in the source's place, and no source has the same identity."""
    assert named_identity(URL) != URL
    assert named_identity("a") != named_identity("b")


def test_another_request_is_another():
    """Another endpoint, source, parameter, value or gateway makes another request."""
    requests = [
        build("7b-image", scale=2),
        build("3b-image", scale=2),
        build("3b-video", scale=2),
        build("7b-image", scale=3),
        build("7b-image", scale=2.5),
        build("7b-image"),
        build("7b-image", scale=2, seed=1),
        build("7b-image", ["foo=1"], scale=2),
        build("7b-image", ['foo="1"'], scale=2),
        build("7b-image", (), URL + "?v=2", scale=2),
        build("7b-image", (), "https://example.com/Photo.jpg", scale=2),
        build("3b-image", target="1080p"),
    ]
    keys = {
        key_of(request, gateway) for request in requests for gateway in (GATEWAY, "https://other.example", "sandbox")
    }
    assert len(keys) == 3 * len(requests)


def test_a_local_file_is_its_content():
    """A local file is the same source under another name or URL, and another one with other content."""
    endpoint = ENDPOINTS["7b-image"]

    def of(url, digest):
        return key_of(build_request(endpoint, Source(url, url, digest, "photo.jpg"), {}))

    assert of("file:///a.jpg", "sha256:1") == of("file:///b.jpg", "sha256:1")
    assert of("file:///a.jpg", "sha256:1") != of("file:///a.jpg", "sha256:2")


def test_the_identity_is_written_in_stone():
    """The key of a known request stays what it is, or every ledger there is would be forgotten."""
    request = build("7b-image", scale=2, seed=7, format="jpg")
    identifying = identifying_params(request.endpoint, request.params)
    assert identifying == '{"output_format":"jpeg","seed":7,"upscale_factor":2}'
    assert key_of(request) == job_key(GATEWAY, "7b-image", identifying, URL)
    assert key_of(request) == "c318a6cc09fe3cb0ae6f4aaaeaa39c8a"
    assert len(key_of(request)) == KEY_LENGTH


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(), st.text(), st.text(), st.text()), min_size=2, max_size=2, unique=True))
def test_identities_differ_where_their_parts_do(pair):
    """Two requests that differ in any part differ in their key; gateway, endpoint and parameters are one line each."""
    assume(not any("\n" in part for parts in pair for part in parts[:3]))
    assert job_key(*pair[0]) != job_key(*pair[1])


def test_a_source_of_any_bytes_has_an_identity():
    """A file name that is no Unicode is no obstacle."""
    assert len(job_key(GATEWAY, "7b-image", "{}", "caf\udce9.png")) == KEY_LENGTH
