"""Both transports through a proxy, and with certificates of one's own: real connections, real TLS."""

import asyncio
import gc
import ssl
import warnings
from contextlib import asynccontextmanager

import pytest
from fakes.loopback import BODY, http, loopback, poll, saying, submit
from fakes.transport import KEY, read_all
from helpers.certificates import make_certificate

from seedvr_cli.gateway import curl_transport, httpx_transport
from seedvr_cli.gateway.certificates import CERTIFICATES
from seedvr_cli.gateway.client import Gateway
from seedvr_cli.gateway.proxies import PROXIES
from seedvr_cli.values.errors import NetworkError, NotSent, OutcomeUnknown, SeedvrError

HOST = "gateway.invalid"
ANSWER = saying(http(BODY, Content_Length=len(BODY)))


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    """The certificate of the gateway, which only itself has signed, and its key."""
    folder = tmp_path_factory.mktemp("identity")
    pem, key = folder / "cert.pem", folder / "key.pem"
    return pem, key


@pytest.fixture
def secure(identity, requires, monkeypatch):
    """TLS for that gateway; nothing of the environment but its certificate is known."""
    pem, key = identity
    if not pem.exists():
        make_certificate(requires("openssl"), pem.parent, f"DNS:{HOST}")
    for name in (*PROXIES, *CERTIFICATES, "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    httpx_transport.tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    yield context
    httpx_transport.tls.cache_clear()


class Proxy:
    """Answers CONNECT with `status`; what goes through the tunnel is treated by `then`, over TLS."""

    def __init__(self, context, then, status="200 OK"):
        self._context = context
        self._then = then
        self._status = status
        self.asked = []  # of the proxy, in the clear
        self.heard = []  # inside the tunnels

    async def handle(self, reader, writer):
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f'HTTP/1.1 {self._status}\r\nETag: "of the proxy"\r\n\r\n'.encode())
        if not self._status.startswith("200"):
            return
        if self._then is None:
            return
        await writer.start_tls(self._context)
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if length:
            await reader.readexactly(int(length[0].partition(b":")[2]))
        self.heard.append(head)
        await self._then(reader, writer)


def through(proxy, what, monkeypatch, login=""):
    """What `what(gateway)` comes to through that proxy; an error is returned."""

    @asynccontextmanager
    async def gateway():
        async with loopback(proxy.handle) as url:
            monkeypatch.setenv("HTTPS_PROXY", url.replace("//", f"//{login}"))
            async with Gateway(f"https://{HOST}", KEY) as client:
                client.prepare()
                yield client

    async def run():
        async with gateway() as client:
            return await what(client)

    try:
        return asyncio.run(run())
    except SeedvrError as error:
        return error


def test_a_submission_goes_through_the_proxy(secure, wire, monkeypatch):
    """The proxy is asked for a tunnel and sees neither key nor path; what it says is no answer of the gateway's."""
    proxy = Proxy(secure, ANSWER)
    assert through(proxy, submit, monkeypatch).request_id == "job_1"
    assert [head.split(b"\r\n")[0] for head in proxy.asked] == [f"CONNECT {HOST}:443 HTTP/1.1".encode()]
    assert KEY.encode() not in proxy.asked[0]
    assert KEY.encode() in proxy.heard[0]
    assert through(Proxy(secure, ANSWER), poll, monkeypatch).request_id == "job_1"


def test_media_come_through_the_proxy(secure, wire, monkeypatch):
    """Media too come through the tunnel, and what the proxy said of it is nothing that the media server said."""
    proxy = Proxy(secure, saying(http(b"picture", "200 OK", Content_Length=7, Last_Modified="now")))
    stream, body = through(proxy, lambda gateway: read_all(gateway, f"https://{HOST}/a.png"), monkeypatch)
    assert (stream.etag, stream.total, body) == (None, 7, b"picture")
    assert KEY.encode() not in proxy.heard[0]


def test_the_proxys_password_is_for_the_proxy(secure, wire, monkeypatch):
    """Name and password of the proxy's URL go to the proxy, and no further."""
    proxy = Proxy(secure, ANSWER)
    assert through(proxy, submit, monkeypatch, login="me:secret@").request_id == "job_1"
    assert b"proxy-authorization: basic " in proxy.asked[0].lower()
    assert b"authorization" not in proxy.heard[0].lower()


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"])
def test_a_proxy_that_refuses_lets_nothing_through(status, secure, wire, monkeypatch):
    """Where the proxy makes no tunnel, nothing was submitted, and its password is in no message."""
    proxy = Proxy(secure, ANSWER, status)
    error = through(proxy, submit, monkeypatch, login="me:secret@")
    assert type(error) is NotSent
    assert "secret" not in error.message
    assert status[:3] in error.message
    assert proxy.heard == []


def test_a_tunnel_that_ends_before_tls_let_nothing_through(secure, wire, monkeypatch):
    """A tunnel that breaks before the gateway has shown its certificate was sent nothing."""
    error = through(Proxy(secure, None), submit, monkeypatch)
    assert type(error) is NotSent


@pytest.fixture
def leaky():
    """For SOCKS that ends in the middle, after which httpcore forgets its socket."""
    yield
    with warnings.catch_warnings(action="ignore"):
        gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("leaky")
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 What\r\n\r\n", b"\x05\xff", b"SSH-2.0-OpenSSH_9.2\r\n"])
@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_is_none_was_sent_nothing(scheme, said, wire, secure, monkeypatch):
    """Whatever answers in place of a proxy, or hangs up, the gateway was never spoken to, and that is known."""

    async def handle(reader, writer):
        await reader.read(3)
        writer.write(said)

    async def run():
        async with loopback(handle, scheme) as url:
            monkeypatch.setenv("ALL_PROXY", url)
            async with Gateway(f"https://{HOST}", KEY) as client:
                await submit(client)

    with pytest.raises(NotSent, match="by way of the proxy"):
        asyncio.run(run())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("leaky")
def test_a_proxy_that_is_silent_was_sent_nothing(secure, wire, monkeypatch):
    """A proxy that takes connections and says nothing is given up, and the gateway was never spoken to."""
    monkeypatch.setattr(httpx_transport, "PROXY_SECONDS", 0.05)
    monkeypatch.setattr(curl_transport, "CONNECT_SECONDS", 0.05)

    async def run(scheme):
        is_over = asyncio.Event()

        async def handle(reader, writer):
            await is_over.wait()

        async with loopback(handle, scheme) as url:
            monkeypatch.setenv("ALL_PROXY", url)
            async with Gateway(f"https://{HOST}", KEY) as client:
                try:
                    await submit(client)
                finally:
                    is_over.set()

    for scheme in ("http", "socks5"):
        with pytest.raises(NotSent, match="no connection in time"):
            asyncio.run(run(scheme))


def test_an_answer_that_is_lost_in_the_tunnel_is_unknown(secure, wire, monkeypatch):
    """What breaks behind the proxy after the gateway has read the submission leaves it unknown, sent once."""
    proxy = Proxy(secure, saying(b""))
    assert type(through(proxy, submit, monkeypatch)) is OutcomeUnknown
    assert len(proxy.heard) == 1


def test_a_certificate_that_nobody_vouches_for_is_sent_nothing(secure, wire, monkeypatch):
    """A certificate that is not among those trusted is the reason that is told, and no request is sent."""
    monkeypatch.delenv("SSL_CERT_FILE")
    proxy = Proxy(secure, ANSWER)
    error = through(proxy, submit, monkeypatch)
    assert type(error) is NotSent
    assert "certificate" in error.message
    assert proxy.heard == []


def test_a_proxy_that_is_not_there_is_sent_nothing(secure, wire, monkeypatch):
    """A proxy that refuses connections makes a submission that was not sent, and a poll that may be asked again."""

    async def run(what):
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        async with Gateway(f"https://{HOST}", KEY) as client:
            await what(client)

    for what, kind in ((submit, NotSent), (poll, NetworkError)):
        with pytest.raises(kind):
            asyncio.run(run(what))


def test_hosts_that_need_no_proxy_are_asked_directly(secure, wire, monkeypatch):
    """What NO_PROXY names is not asked through the proxy."""
    monkeypatch.setenv("NO_PROXY", f"elsewhere.example,{HOST}")
    proxy = Proxy(secure, ANSWER)
    assert type(through(proxy, submit, monkeypatch)) is NotSent  # there is no such host
    assert proxy.asked == []
