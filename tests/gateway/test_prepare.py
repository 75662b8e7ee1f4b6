"""Before anything is paid: whether requests can be sent at all from this environment."""

import asyncio

import pytest
from fakes.loopback import http, loopback
from fakes.transport import ACCEPTED, KEY, answer, call, request

from seedvr_cli.gateway import httpx_transport
from seedvr_cli.gateway.certificates import CERTIFICATES
from seedvr_cli.gateway.client import Gateway
from seedvr_cli.gateway.curl_transport import CurlTransport
from seedvr_cli.gateway.httpx_transport import HttpxTransport
from seedvr_cli.gateway.proxies import PROXIES
from seedvr_cli.gateway.transport import Unfit
from seedvr_cli.values.errors import UsageError

HOSTED = "https://gateway.example"
LOCAL = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _no_network_settings(monkeypatch):
    """An environment without network settings, in which certificates are loaded anew."""
    for name in (*PROXIES, *CERTIFICATES, "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    httpx_transport.tls.cache_clear()
    yield
    httpx_transport.tls.cache_clear()


def prepare(base, times=1, **how):
    """Prepare a gateway there; the error or None."""

    async def run():
        async with Gateway(base, KEY, **how) as client:
            for _ in range(times):
                client.prepare()

    try:
        asyncio.run(run())
    except UsageError as error:
        return error
    return None


@pytest.mark.parametrize("base", [HOSTED, LOCAL])
def test_an_ordinary_environment_is_fit(base, wire):
    """Without proxies and certificates of one's own there is nothing to complain of, once and twice."""
    assert prepare(base, times=2) is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_a_proxy_that_is_none_is_a_usage_error(name, monkeypatch, wire):
    """A proxy that cannot be used is named before anything is submitted, with the exit code of bad usage."""
    monkeypatch.setenv(name, "ftp://me:secret@proxy.example")
    error = prepare(HOSTED)
    assert error.message.startswith(f"{name}: ")
    assert error.exit_code == 2
    assert "secret" not in error.message


def test_a_gateway_on_this_machine_needs_no_proxy(monkeypatch, wire):
    """A proxy that cannot be used is no trouble where none would be asked."""
    monkeypatch.setenv("HTTPS_PROXY", "ftp://proxy.example")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")
    assert prepare(LOCAL) is None


def test_certificates_that_are_missing_are_a_usage_error(monkeypatch, tmp_path, wire):
    """Certificates that are not there are named by their variable, whatever carries the requests."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    error = prepare(HOSTED)
    assert error.message.startswith("SSL_CERT_FILE: ")
    assert error.message.endswith("there is no such file")
    assert error.exit_code == 2


def test_certificates_that_are_none_are_a_usage_error(monkeypatch, tmp_path, wire):
    """A file without certificates is told from one that is missing."""
    (tmp_path / "words.pem").write_text("no certificates")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "words.pem"))
    assert prepare(HOSTED).message.endswith("it holds no certificates")


def test_a_transport_says_what_it_is_unfit_for(monkeypatch):
    """Plain http needs no certificates, and https does; proxies have to be some, whatever asks them."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")
    for make in (HttpxTransport, CurlTransport):
        make().prepare("http://gateway.example")
        with pytest.raises(Unfit, match="SSL_CERT_FILE"):
            make().prepare("HTTPS://gateway.example")
    monkeypatch.setenv("HTTPS_PROXY", "gopher://proxy.example")
    for make in (HttpxTransport, CurlTransport):
        with pytest.raises(Unfit, match="HTTPS_PROXY"):
            make().prepare("http://gateway.example")


def test_what_is_prepared_sends_nothing(wire):
    """To look whether requests can be sent is no request; the first one goes as it would have gone."""
    heads = []

    async def handle(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head.split(b" ")[0])
        writer.write(http(b'{"request_id": "job_1", "status": "QUEUED"}', Connection="close"))

    async def run():
        async with loopback(handle) as url, Gateway(url, KEY) as client:
            client.prepare()
            assert heads == []
            return (await client.submit(request())).request_id

    assert asyncio.run(run()) == "job_1"
    assert heads == [b"POST"]


@pytest.mark.parametrize(
    ("base", "host"),
    [(HOSTED, "gateway.example"), ("https://gateway.example:8443/v1", "gateway.example:8443"), (LOCAL, "127.0.0.1:9")],
)
def test_a_gateway_has_a_name_for_people(base, host):
    """A gateway is called by its host, with the port where that is not the usual one."""
    result, script = call("submit", answer(202, ACCEPTED), base=base)
    assert result.request_id == "job_1"
    assert script.gateway(base).host == host
