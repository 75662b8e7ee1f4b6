"""What stores say that cannot be used, by the library's own words and by ours."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from seedvr_cli.objects.requests import Requests
from seedvr_cli.objects.store import ObjectStore
from seedvr_cli.objects.trouble import StoreError


class _Refusing(BaseHTTPRequestHandler):
    """Says the same to everything."""

    protocol_version = "HTTP/1.1"
    answer: tuple[int, bytes]

    def do_PUT(self) -> None:
        status, body = self.answer
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_):
        pass


@pytest.fixture
def refusing(monkeypatch):
    """Says what a store answers, and gives the store."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    for name, value in {"ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}", "ACCESS_KEY_ID": "AKID",
                        "SECRET_ACCESS_KEY": "hidden", "REGION": "us-east-1"}.items():  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr("seedvr_cli.objects.store._RETRIES", {"max_retries": 0})
    monkeypatch.setattr("seedvr_cli.objects.requests.PAUSE", 0.0)
    yield lambda status, body: setattr(_Refusing, "answer", (status, body.encode()))
    server.shutdown()
    server.server_close()


def code(name, more=""):
    return f"<?xml version='1.0'?><Error><Code>{name}</Code><Message>{more}</Message></Error>"


@pytest.mark.parametrize(
    ("status", "body", "part"),
    [
        (403, code("InvalidAccessKeyId"), "refuses access (403): look at the keys"),
        (403, code("SignatureDoesNotMatch"), "refuses access (403): look at the keys"),
        (403, code("RequestTimeTooSkewed"), "this machine's clock is wrong"),
        (400, code("ExpiredToken"), "these keys have expired"),
        (400, code("AuthorizationHeaderMalformed", "expecting 'eu-west-1'"), "is in another region (eu-west-1)"),
        (301, code("PermanentRedirect"), "is in another region"),
        (404, code("NoSuchBucket"), "is not there (404)"),
        (405, "<html>", "does not answer as an object store does"),
        (418, "a teapot", "418 I'm a [tT]eapot"),
    ],
)
def test_what_a_store_says_is_one_line(refusing, status, body, part):
    """What stores of Amazon's kind say becomes the same line of one's own, whoever has asked."""
    refusing(status, body)
    store = ObjectStore("s3://bucket")
    with pytest.raises(StoreError, match=part.replace("(", r"\(").replace(")", r"\)")) as by_library:
        store.put_empty("x")
    with pytest.raises(StoreError, match=part.replace("(", r"\(").replace(")", r"\)")) as by_us:
        with Requests.open(store._place("x")) as requests:
            requests.begin("image/png")
    for error in (by_library.value, by_us.value):
        assert str(error).startswith("s3://bucket")
        assert "\n" not in str(error)
        assert "hidden" not in str(error)
        assert error.is_lasting == (status != 418)


def test_what_is_no_answer_of_a_store_is_said_to_be_none(refusing):
    """A page where an object store should be is one line."""
    refusing(200, "<html>welcome</html>")
    store = ObjectStore("s3://bucket")
    with pytest.raises(StoreError, match="does not answer as an object store does"):
        store.put_empty("x")
    with Requests.open(store._place("x")) as requests, pytest.raises(StoreError, match="does not answer"):
        requests.begin("image/png")


def test_an_object_that_could_not_be_made_may_be_told_after_a_200(refusing):
    """An error in the text of a 200, as S3 sends it at the end of an upload, is an error."""
    refusing(200, code("InternalError"))
    with Requests.open(ObjectStore("s3://bucket")._place("x")) as requests, pytest.raises(StoreError, match="Internal"):
        requests.complete("upload", {1: '"etag"'})


def test_a_store_that_is_away_is_named(refusing, monkeypatch):
    """Where nobody listens the line names the host, and that it may be better in a minute."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    store = ObjectStore("s3://bucket")
    with pytest.raises(StoreError, match=r"cannot be reached at 127.0.0.1:1:") as by_library:
        store.put_empty("x")
    with pytest.raises(StoreError, match=r"cannot be reached at 127.0.0.1:1:") as by_us:
        with Requests.open(store._place("x")) as requests:
            requests.begin("image/png")
    assert not by_library.value.is_lasting
    assert not by_us.value.is_lasting
