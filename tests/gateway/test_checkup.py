"""One GET tells whether the gateway is there, takes the key, and has our time; the environment tells the way."""

import asyncio
import sys
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
from fakes.transport import BASE, HTML, KEY, NOW, Script, answer, refusal

from seedvr_cli.gateway.certificates import CERTIFICATES
from seedvr_cli.gateway.checkup import check_carrier, check_certificates, check_gateway, check_proxy, verify_key
from seedvr_cli.gateway.httpx_transport import HttpxTransport
from seedvr_cli.gateway.proxies import PROXIES
from seedvr_cli.values.catalog import KEY_HEADER, STATUS_PATH
from seedvr_cli.values.errors import GatewayError, KeyRefused, NetworkError


def verify(reply):
    """Nothing where the gateway that answers so takes the key."""
    transport = lambda: HttpxTransport(httpx.MockTransport(Script(reply)))  # noqa: E731
    asyncio.run(verify_key(BASE, KEY, seconds=5, connect=transport))


NOT_FOUND = refusal("Not Found", "no such job")


@pytest.fixture(autouse=True)
def _no_network_settings(monkeypatch):
    for name in (*PROXIES, *CERTIFICATES, "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def look(*answers, key=KEY, **more):
    """The findings about a gateway that answers so, by their names; the script comes second."""
    script = Script(*answers)
    transport = lambda: HttpxTransport(httpx.MockTransport(script))  # noqa: E731
    checks = asyncio.run(check_gateway(BASE, key, seconds=5, now=lambda: NOW, connect=transport, **more))
    return {check.name: check for check in checks}, script


def test_one_get_for_a_job_that_cannot_exist():
    """The gateway is asked once, with the key, for nothing that costs; that it knows no such job is what is hoped."""
    said = []
    checks, script = look(answer(404, NOT_FOUND), observe=said.append)
    assert (checks["gateway"].state, "takes the key" in checks["gateway"].message) == ("ok", True)
    (heard,) = script.requests
    assert (heard.method, heard.url.path.startswith(STATUS_PATH)) == ("GET", True)
    assert heard.headers[KEY_HEADER] == KEY
    assert len(said) == 1
    assert KEY not in said[0] + str(checks)


def test_without_a_key_it_is_only_reached():
    """Nobody's key is sent where there is none, and a gateway that wants one is there."""
    checks, script = look(answer(401, refusal()), key=None)
    assert (checks["gateway"].state, "wants a key" in checks["gateway"].message) == ("ok", True)
    assert KEY_HEADER not in script.requests[0].headers
    assert "takes the key" not in look(answer(404, NOT_FOUND), key=None)[0]["gateway"].message


@pytest.mark.parametrize(
    ("status", "body", "state", "says"),
    [
        (401, refusal(), "problem", "refuses the key"),
        (403, HTML, "problem", "refuses the key"),
        (402, refusal(), "warning", "add money"),
        (429, refusal(), "warning", "look again later"),
        (503, b"", "warning", "look again later"),
        (500, HTML, "problem", "look again later"),
        (404, HTML, "problem", "--base-url"),
        (302, b"", "problem", "--base-url"),
        (200, {"request_id": "other"}, "problem", "--base-url"),
    ],
)
def test_other_answers_say_what_to_do(status, body, state, says):
    """Each other answer has its state and its remedy; a page that is not the gateway's is none."""
    check = look(answer(status, body))[0]["gateway"]
    assert check.state == state
    assert says in f"{check.message} {check.hint}"


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_an_error(status):
    """Whether the gateway takes a key is asked by the same question; a refusal shows no key."""
    with pytest.raises(KeyRefused, match=f"HTTP {status}") as caught:
        verify(answer(status, refusal()))
    assert KEY not in str(caught.value)


def test_a_key_that_is_taken():
    """That there is no such job, or no money for it, is said to whom the gateway knows."""
    verify(answer(404, NOT_FOUND))
    verify(answer(402, refusal()))


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer(404, HTML), GatewayError),
        (answer(302, b""), GatewayError),
        (answer(429, refusal()), GatewayError),
        (answer(500, HTML), GatewayError),
        (httpx.ConnectError("refused"), NetworkError),
    ],
)
def test_a_gateway_that_does_not_say_whether_it_takes_the_key(reply, error):
    """Any other answer, or none, says nothing of the key; both errors are of code 5."""
    with pytest.raises(error) as caught:
        verify(reply)
    assert caught.value.exit_code == 5


def test_a_gateway_that_is_away_is_a_problem():
    """Where no connection is made, the reason is said; for a certificate it is the trust that is to be set."""
    for reason, says in (("refused", "proxy"), ("[SSL: CERTIFICATE_VERIFY_FAILED]", "--ca-bundle")):
        checks, _ = look(httpx.ConnectError(reason))
        assert list(checks) == ["gateway"]
        assert (checks["gateway"].state, says in checks["gateway"].hint) == ("problem", True)
        assert reason in checks["gateway"].message


def test_a_gateway_that_is_silent_is_a_problem():
    """Whoever does not answer in time is away, also where the answer begins and never ends."""

    class Silent(HttpxTransport):
        async def exchange(self, *_, **__):
            await asyncio.Event().wait()

    (check,) = asyncio.run(check_gateway(BASE, KEY, seconds=0.01, connect=Silent))
    assert (check.state, "no answer in 0.01 seconds" in check.message) == ("problem", True)


def test_an_environment_in_which_nothing_can_be_sent(monkeypatch):
    """The variable that is to blame is named, and nothing is asked."""
    monkeypatch.setenv("HTTPS_PROXY", "gopher://me:secret@proxy")
    checks, script = look(answer(404, NOT_FOUND))
    assert (checks["gateway"].state, "HTTPS_PROXY" in checks["gateway"].message) == ("problem", True)
    assert "secret" not in str(checks)
    assert script.requests == []


@pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (59, "ok"), (-90, "warning"), (90, "warning")])
def test_the_clock_is_compared_with_the_answers_date(seconds, state):
    """More than a minute off is a warning, also where the key is refused."""
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    for status in (404, 401):
        assert look(answer(status, NOT_FOUND, Date=date))[0]["clock"].state == state


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
def test_without_a_date_there_is_nothing_to_compare(headers):
    """An answer without a date, or with one that is none, is no warning."""
    check = look(answer(404, NOT_FOUND, **headers))[0]["clock"]
    assert (check.state, "not compared" in check.message) == ("ok", True)


def test_certificates_are_those_that_requests_trust(monkeypatch, tmp_path):
    """certifi's, or what a variable names; a file that holds none is a problem."""
    assert "certifi" in check_certificates().message
    import certifi

    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    check = check_certificates()
    assert (check.state, check.message) == ("ok", f"those of SSL_CERT_FILE: {certifi.where()}")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    check = check_certificates()
    assert (check.state, "no such file" in check.message, check.hint) == ("problem", True, "unset SSL_CERT_FILE")


def test_the_proxy_in_use_is_told_without_its_password(monkeypatch):
    """The proxy for the gateway's scheme and host is named; none where NO_PROXY or this machine is."""
    assert check_proxy(BASE).message == "none"
    monkeypatch.setenv("HTTPS_PROXY", "me:secret@proxy.example:3128")
    assert check_proxy(BASE).message == "http://***@proxy.example:3128"
    monkeypatch.setenv("HTTPS_PROXY", "http://me:SEC\"R'E<T>@proxy.example:3128")
    assert check_proxy(BASE).message == "http://***@proxy.example:3128"
    assert "on this machine" in check_proxy("http://127.0.0.1:1").message
    monkeypatch.setenv("NO_PROXY", "gateway.example")
    assert "NO_PROXY" in check_proxy(BASE).message
    monkeypatch.setenv("HTTPS_PROXY", "gopher://proxy")
    assert check_proxy(BASE).state == "problem"


def test_the_library_that_carries_requests_is_told(monkeypatch):
    """libcurl where pycurl is installed, else httpx, which says how to have the other."""
    assert "libcurl" in check_carrier().message
    monkeypatch.setitem(sys.modules, "pycurl", None)
    monkeypatch.delitem(sys.modules, "seedvr_cli.gateway.curl_transport", raising=False)
    message = check_carrier().message
    assert message.startswith("httpx ")
    assert "fast" in message
