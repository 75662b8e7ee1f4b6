"""The gateway's client: what is sent, and what each answer or failure means for the user's money."""

import gzip
import json
import zlib

import httpx
import pytest
from fakes.transport import ACCEPTED, BASE, COMPLETED, HTML, KEY, URL, answer, call, refusal, request
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seedvr_cli import __version__
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.catalog import ENDPOINTS, KEY_HEADER
from seedvr_cli.values.errors import (
    BalanceError,
    Busy,
    GatewayError,
    KeyRefused,
    NetworkError,
    NotFound,
    NotSent,
    OutcomeUnknown,
    RequestRefused,
)

DEEP = b"[" * 200_000


# What is sent.


def test_a_submission_is_the_documented_request():
    """A submission is one POST of the JSON body to the endpoint's path, with the documented headers."""
    options = {"scale": 4, "format": "jpg", "webhook": "https://example.com/h", "webhook-mode": "sync"}
    result, script = call("submit", answer(202, ACCEPTED), what=request(**options))
    (sent,) = script.requests
    assert (sent.method, str(sent.url)) == ("POST", f"{BASE}/seedvr2-7b-upscale/image-request")
    assert json.loads(sent.content) == {"image_url": URL, "upscale_factor": 4, "output_format": "jpeg"}
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Cache-Control"] == "no-cache"
    assert sent.headers[KEY_HEADER] == KEY
    assert sent.headers["X-Webhook-URL"] == "https://example.com/h"
    assert sent.headers["X-Webhook-Mode"] == "sync"
    assert sent.headers["User-Agent"] == f"seedvr-cli/{__version__}"
    assert (result.request_id, result.status) == ("job_1", "QUEUED")


@pytest.mark.parametrize("name", ENDPOINTS)
def test_each_endpoint_has_its_path(name):
    """A request goes to the path of its endpoint, below the path of the base URL if that has one."""
    for base in (BASE, "https://proxy.example/seedvr"):
        _, script = call("submit", answer(202, ACCEPTED), what=request(name), base=base)
        assert str(script.requests[0].url) == base + ENDPOINTS[name].path


def test_a_poll_is_the_documented_request():
    """A poll is one GET of the status path with the key."""
    result, script = call("poll", answer(200, COMPLETED))
    (sent,) = script.requests
    assert (sent.method, str(sent.url)) == ("GET", f"{BASE}/v2/requests/status/job_1")
    assert sent.headers[KEY_HEADER] == KEY
    assert result.status == "COMPLETED"


# What an answer means.


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_any_success_with_a_status_is_valid(status):
    """A submission may be answered with any 2xx, queued or completed at once."""
    for body in (ACCEPTED, COMPLETED):
        result, script = call("submit", answer(status, body))
        assert (result.request_id, result.status) == ("job_1", body["status"])
        assert len(script.requests) == 1


def test_a_result_at_once_is_a_result():
    """A synchronous answer carries its media as a data URI, which is kept as it is."""
    body = {**COMPLETED, "output": {"media_url": ["data:image/png;base64,AAAA"], "media_type": "image/png"}}
    result, _ = call("submit", answer(200, body), what=request("3b-image", sync=True))
    assert result.media_url == ("data:image/png;base64,AAAA",)


SUBMITTED = {
    "400": (answer(400, refusal("Model not found", "Model 'x' not found")), RequestRefused),
    "401": (answer(401, refusal()), KeyRefused),
    "402": (answer(402, refusal("Insufficient Balance", "Your wallet does not have enough balance.")), BalanceError),
    "403": (answer(403, refusal("Forbidden")), KeyRefused),
    "404": (answer(404, refusal("Not Found")), NotFound),
    "413": (answer(413, HTML), RequestRefused),
    "422": (answer(422, {"detail": "image_url is wrong"}), RequestRefused),
    "429": (answer(429, refusal("Too Many Requests")), Busy),
    "500": (answer(500, refusal("Internal Server Error")), GatewayError),
    "502": (answer(502, HTML), OutcomeUnknown),
    "503 with Retry-After": (answer(503, HTML, retry_after="5"), Busy),
    "503": (answer(503, HTML), OutcomeUnknown),
    "503 with nonsense": (answer(503, HTML, retry_after="soon"), OutcomeUnknown),
    "504": (answer(504, ""), OutcomeUnknown),
    "520": (answer(520, ""), OutcomeUnknown),
    "500 with Retry-After": (answer(500, "", retry_after="5"), GatewayError),
    "502 with Retry-After": (answer(502, "", retry_after="5"), OutcomeUnknown),
}
POLLED = {
    "400": (answer(400, refusal()), RequestRefused),
    "401": (answer(401, refusal()), KeyRefused),
    "402": (answer(402, refusal()), BalanceError),
    "403": (answer(403, refusal()), KeyRefused),
    "404": (answer(404, refusal()), NotFound),
    "429": (answer(429, refusal()), Busy),
    "500": (answer(500, refusal()), GatewayError),
    "502": (answer(502, HTML), GatewayError),
    "503 with Retry-After": (answer(503, HTML, retry_after="5"), Busy),
    "503": (answer(503, HTML), GatewayError),
    "504": (answer(504, ""), GatewayError),
}


@pytest.mark.parametrize(("reply", "kind"), SUBMITTED.values(), ids=SUBMITTED)
def test_what_an_answer_to_a_submission_means(reply, kind):
    """Each status has its exception, no answer is followed by another request, and its line names the status."""
    error, script = call("submit", reply)
    assert type(error) is kind
    assert len(script.requests) == 1
    assert f"HTTP {reply.status_code}" in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(("reply", "kind"), POLLED.values(), ids=POLLED)
def test_what_an_answer_to_a_poll_means(reply, kind):
    """Each status has its exception, and none of them says that anything was submitted."""
    error, script = call("poll", reply)
    assert type(error) is kind
    assert len(script.requests) == 1
    assert f"HTTP {reply.status_code}" in error.message


def test_a_500_is_not_sent_again():
    """After a 500 the submission's fate is open, and the hint says what that means."""
    error, _ = call("submit", answer(500, refusal()))
    assert "may have been accepted" in error.hint
    assert "--new" in error.hint
    assert error.exit_code == 5


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Fri, 22 May 2026 13:00:30 GMT", 30.0),
        ("Fri, 22 May 2026 12:00:00 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_a_429_says_how_long_to_wait(header, wait):
    """Retry-After is honoured as seconds and as a date, of a submission and of a poll."""
    headers = {} if header is None else {"retry_after": header}
    for name in ("submit", "poll"):
        error, _ = call(name, answer(429, refusal(), **headers))
        assert (type(error), error.wait) == (Busy, wait)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (answer(400, refusal("Model not found", "Model 'x' is disabled")), "Model not found: Model 'x' is disabled"),
        (answer(400, {"error": "Bad Request"}), "Bad Request"),
        (answer(400, {"message": "no"}), "no"),
        (answer(400, {"detail": "no"}), "no"),
        (answer(400, {"error": "no", "message": "no"}), "no"),
        (answer(400, {"error": {"code": 3}}), '{"error":{"code":3}}'),
        (answer(400, ["no"]), '["no"]'),
        (answer(400, "plain\n  text"), "plain text"),
        (answer(400, HTML), "Bad Gateway"),
        (answer(400, "a\x1b[31mb"), "a\x1b[31mb"),
    ],
)
def test_what_a_refusal_says_is_shown_in_one_line(reply, text):
    """The gateway's own words are shown where there are any, as one line, and HTML without its tags."""
    error, _ = call("submit", reply)
    assert error.message == f"the gateway answered HTTP 400: {text}"


def test_a_refusal_that_says_nothing_has_its_status():
    """An empty body leaves the status to speak."""
    assert call("submit", answer(400, b""))[0].message == "the gateway answered HTTP 400"
    assert len(call("submit", answer(400, "x" * 10_000))[0].message) < 400


GARBAGE = {
    "nothing": b"",
    "HTML": HTML.encode(),
    "text": b"accepted",
    "half an answer": json.dumps(ACCEPTED).encode()[:-10],
    "a list": b"[]",
    "a number": b"202",
    "null": b"null",
    "nothing known": b'{"ok": true}',
    "an error": b'{"error": "x", "message": "y"}',
    "no id": b'{"status": "QUEUED"}',
    "no id but an error": b'{"status": "error", "message": "upstream timeout"}',
    "no text": b"\xff\xfe\x00\x01",
    "a deep list": DEEP,
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("status", [200, 202])
def test_a_success_that_cannot_be_read_is_an_unknown_outcome(body, status):
    """A 2xx without a readable job was accepted perhaps: it is neither sent again nor taken for a refusal."""
    error, script = call("submit", answer(status, body))
    assert type(error) is OutcomeUnknown
    assert len(script.requests) == 1
    assert len(error.message) < 500


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_a_poll_that_cannot_be_read_is_the_gateways_failure(body):
    """A poll's answer without a readable job is a failure of the gateway, to be asked again."""
    error, _ = call("poll", answer(200, body))
    assert type(error) is GatewayError


PACKED = gzip.compress(json.dumps(ACCEPTED).encode())


@pytest.mark.parametrize(
    "body", [PACKED[:-4], PACKED[:20], PACKED[:12] + b"\xff" * 40], ids=["cut", "short", "damaged"]
)
def test_a_body_that_cannot_be_unpacked_is_an_unknown_outcome(body):
    """A 2xx whose compressed body is broken, or cut, is an answer that was lost."""

    def broken(_):
        return httpx.Response(202, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(body))

    assert type(call("submit", broken)[0]) is OutcomeUnknown
    assert type(call("poll", broken)[0]) is NetworkError


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", PACKED),
        ("x-gzip", PACKED),
        ("GZIP, identity", PACKED),
        ("deflate", zlib.compress(json.dumps(ACCEPTED).encode())),
        ("gzip", PACKED + b"\0" * 8),
        ("gzip", gzip.compress(b" " * 9) + PACKED),
        ("gzip", json.dumps(ACCEPTED).encode()),
        ("br", json.dumps(ACCEPTED).encode()),
        ("identity", json.dumps(ACCEPTED).encode()),
    ],
    ids=["gzip", "x-gzip", "a list", "deflate", "padded", "two members", "no gzip", "no br", "identity"],
)
def test_an_answer_is_read_however_it_is_packed(encoding, body):
    """What is packed is unpacked, and what is only said to be is taken as it is: it names a job that is paid for."""
    answer, _ = call(
        "submit", lambda _: httpx.Response(202, headers={"Content-Encoding": encoding}, stream=httpx.ByteStream(body))
    )
    assert answer.request_id == "job_1"


@pytest.mark.parametrize("depth", [63, 64, 500, 900])
def test_a_deep_answer_is_an_answer(depth):
    """However deep an answer's lists go, the job that it names is known, and what is written of it can be."""
    body = f'{{"request_id": "job_1", "status": "QUEUED", "deep": {"[" * depth}{"]" * depth}}}'
    answer, _ = call("submit", httpx.Response(202, text=body))
    assert answer.request_id == "job_1"
    assert len(json.dumps(answer.extra)) < 200


def test_what_is_too_deep_to_be_read_is_no_answer():
    """An answer that no reader of JSON gets through is unknown to a submission, and a failure to a poll."""
    body = httpx.Response(200, text='{"request_id": "job_1", "deep": ' + "[" * 200_000)
    assert type(call("submit", body)[0]) is OutcomeUnknown
    assert type(call("poll", body)[0]) is GatewayError


READABLE = {
    "a byte of Latin-1": b'{"request_id": "job_1", "status": "QUEUED", "note": "caf\xe9"}',
    "a raw newline": b'{"request_id": "job_1", "status": "QUEUED", "note": "a\nb"}',
    "a comment after it": b'{"request_id": "job_1", "status": "QUEUED"} // cached',
    "blanks around it": b'\r\n {"request_id": "job_1", "status": "QUEUED"} \r\n',
    "a byte order mark": b'\xef\xbb\xbf{"request_id": "job_1", "status": "QUEUED"}',
    "in a list": b'[{"request_id": "job_1", "status": "QUEUED"}]',
    "in data": b'{"data": {"request_id": "job_1", "status": "QUEUED"}}',
    "in both": b'{"ok": true, "data": [{"request_id": "job_1", "status": "QUEUED"}]}',
    "a number without end": b'{"request_id": "job_1", "status": "QUEUED", "n": ' + b"9" * 5000 + b"}",
    "no number": b'{"request_id": "job_1", "status": "QUEUED", "n": NaN, "m": 1e999}',
}


@pytest.mark.parametrize("body", READABLE.values(), ids=READABLE)
def test_a_readable_answer_is_not_lost(body):
    """An answer that says which job it is about is accepted with its id, whatever else is odd about it."""
    for name in ("submit", "poll"):
        result, _ = call(name, answer(200, body))
        assert (result.request_id, result.status) == ("job_1", "QUEUED")
        json.dumps(dict(result.extra), allow_nan=False)


def test_a_number_may_be_an_id():
    """A request id that is a number is taken as its text."""
    result, _ = call("submit", answer(202, {"request_id": 4711, "status": "QUEUED"}))
    assert result.request_id == "4711"


@pytest.mark.parametrize(
    "body",
    [
        {"status": "error", "message": "upstream timeout"},
        {"request_id": "job_2", "status": "COMPLETED", "output": {"media_url": ["https://cdn.example/other.png"]}},
        {"request_id": "JOB_1", "status": "ERROR"},
        {"request_id": None, "status": "ERROR"},
    ],
)
def test_a_poll_that_names_another_job_is_no_answer(body):
    """What does not name the job that was asked for says nothing of it, and is asked for again."""
    error, _ = call("poll", answer(200, body))
    assert type(error) is GatewayError


ACCEPTED_STATUS = frozenset(range(200, 300))
OWN_MEANING = {401: KeyRefused, 402: BalanceError, 403: KeyRefused, 429: Busy, 500: GatewayError}
REFUSED_STATUS = frozenset({400, 404, 405, 410, 411, 413, 414, 415, 422, 451})


@settings(deadline=None)
@given(st.integers(min_value=200, max_value=599), st.booleans())
@example(408, False)
@example(409, False)
@example(307, False)
@example(503, True)
def test_every_status_is_accepted_refused_or_unknown(status, later):
    """Whatever a gateway answers to a submission is exactly one of these, and what is not surely refused is unknown."""
    headers = {"retry-after": "1"} if later else {}
    error, script = call("submit", answer(status, {**ACCEPTED, "status": "QUEUED"}, **headers))
    expected = OutcomeUnknown
    if status in ACCEPTED_STATUS:
        expected = Answer
    elif status in REFUSED_STATUS:
        expected = NotFound if status == 404 else RequestRefused
    elif status in OWN_MEANING:
        expected = OWN_MEANING[status]
    elif status == 503 and later:
        expected = Busy
    assert type(error) is expected
    assert len(script.requests) == 1


# What a failure on the way means.

NOT_SENT = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout(""),
    httpx.PoolTimeout(""),
    httpx.UnsupportedProtocol("x"),
    httpx.ProxyError("407"),
    httpx.LocalProtocolError("x"),
]
LOST = [
    httpx.ReadTimeout(""),
    httpx.WriteTimeout(""),
    httpx.ReadError("reset"),
    httpx.WriteError("broken pipe"),
    httpx.CloseError("x"),
    httpx.RemoteProtocolError("cut"),
    httpx.DecodingError("x"),
    httpx.TooManyRedirects("x"),
]


@pytest.mark.parametrize("error", NOT_SENT, ids=lambda error: type(error).__name__)
def test_a_connection_that_was_never_made_submitted_nothing(error):
    """Without a connection nothing was submitted, and the error says which gateway could not be reached."""
    result, _ = call("submit", error)
    assert type(result) is NotSent
    assert BASE in result.message
    assert result.__cause__.__cause__ is error


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_whatever_else_breaks_leaves_the_outcome_unknown(error):
    """Once the connection is made any failure may have come after the gateway accepted."""
    result, script = call("submit", error)
    assert type(result) is OutcomeUnknown
    assert len(script.requests) == 1
    assert result.__cause__.__cause__ is error


def test_every_failure_of_the_library_is_foreseen():
    """Each exception that a request of httpx may raise is in one of the two lists above."""
    leaves, kinds = set(), [httpx.TransportError, httpx.DecodingError, httpx.TooManyRedirects]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if not kind.__subclasses__():
            leaves.add(kind)
    assert leaves == {type(error) for error in NOT_SENT + LOST}


@pytest.mark.parametrize("error", NOT_SENT + LOST, ids=lambda error: type(error).__name__)
def test_a_poll_that_fails_is_the_networks_failure(error):
    """A poll that fails on its way costs nothing, whatever the reason."""
    result, _ = call("poll", error)
    assert type(result) is NetworkError
