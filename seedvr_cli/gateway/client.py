"""The gateway over HTTP: submit, poll, and fetch media.

What a failed submission means for the user's money is decided by what
is provable: `NotSent` and `Busy` were not accepted and may be sent again; all else that is no clear answer is unknown.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote, urljoin, urlsplit

from seedvr_cli import __version__
from seedvr_cli.gateway.answers import excerpt, parse_answer, read_json, read_stream, read_version, with_texts
from seedvr_cli.gateway.certificates import HINT as CERTIFICATES_HINT
from seedvr_cli.gateway.certificates import REFUSED_HINT as CERTIFICATE_REFUSED_HINT
from seedvr_cli.gateway.encoding import ACCEPTED
from seedvr_cli.gateway.proxies import REFUSED_HINT as PROXY_HINT
from seedvr_cli.gateway.proxies import proxy_for
from seedvr_cli.gateway.transport import (
    CertificateRefused,
    Incoming,
    Lost,
    ProxyRefused,
    Reply,
    Transport,
    Unfit,
    Unreachable,
    Unsent,
)
from seedvr_cli.values.answer import Answer, Peek, Stream
from seedvr_cli.values.catalog import KEY_HEADER, STATUS_PATH
from seedvr_cli.values.errors import (
    BalanceError,
    Busy,
    DeliveryError,
    GatewayError,
    KeyRefused,
    MediaGone,
    NetworkError,
    NotSent,
    OutcomeUnknown,
    RangeRefused,
    RequestRefused,
    UsageError,
)
from seedvr_cli.values.redaction import redact, without_queries
from seedvr_cli.values.request import Request
from seedvr_cli.values.schedule import retry_after
from seedvr_cli.values.system import has_libcurl_loop
from seedvr_cli.values.trust import USUAL, Trust
from seedvr_cli.values.urls import is_allowed_url, is_local_gateway, is_loopback, wire_url

# Seconds of silence. An answer to a submission may take its time: giving up on it means not knowing whether it was
# paid. And seconds for the whole of such an answer, however it drips.
SUBMIT_SECONDS = 120.0
SYNC_SUBMIT_SECONDS = 900.0
WHOLE_ANSWER = 1.5
POLL_SECONDS = 30.0
MEDIA_SECONDS = 30.0
# Bytes of an answer, and of one that carries the result itself.
LARGEST_ANSWER = 8 << 20
LARGEST_SYNC_ANSWER = 256 << 20
REDIRECTS = 5
REDIRECTING = frozenset({301, 302, 303, 307, 308})
SECRET_LENGTH = 8
# Answers that say for sure that a submission was not accepted (cli.md, Exit codes), beside those with a meaning of
# their own. Whatever else is no 2xx leaves it open: a proxy may have given up on what the gateway went on to do.
REFUSALS = frozenset({400, 404, 405, 410, 411, 413, 414, 415, 422, 451})
# Answers of a media server to a URL that has expired.
GONE = frozenset({403, 404, 410})

_USER_AGENT = f"seedvr-cli/{__version__}"
_POST_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-cache"}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def carrier(trust: Trust = USUAL) -> Transport:
    """What carries requests: libcurl where pycurl is there (the extra `fast`), or else httpx."""
    if has_libcurl_loop():
        with suppress(ImportError):
            from seedvr_cli.gateway.curl_transport import CurlTransport

            return CurlTransport(trust=trust)
    from seedvr_cli.gateway.httpx_transport import HttpxTransport

    return HttpxTransport(trust=trust)


class Gateway:
    """A client of one gateway. The key goes to its origin alone, and only in `submit` and `poll`.

    `base_url` is https, or http on this machine. `observe` is told of every exchange; `connect` gives what carries
    requests, once for the gateway and once for media.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        observe: Callable[[str], None] | None = None,
        connect: Callable[[], Transport] = carrier,
    ) -> None:
        self._base_url = base_url
        self._now = now
        self._key = key
        self._observe = observe
        self._headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": ACCEPTED, KEY_HEADER: key}
        self._api = connect()
        self._media = connect()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._api.aclose()
        await self._media.aclose()

    @property
    def host(self) -> str:
        """Its name, for people."""
        return urlsplit(self._base_url).netloc

    def prepare(self) -> None:
        """Check that requests can be sent at all: UsageError names the variable of the environment that is wrong."""
        try:
            self._api.prepare(self._base_url)
            if not is_loopback(urlsplit(self._base_url).hostname or ""):
                self._media.prepare(self._base_url)
        except Unfit as error:
            raise UsageError(str(error)) from error

    async def submit(self, request: Request) -> Answer:
        """POST the request once.

        Raises NotSent or Busy (may be sent again), RequestRefused, KeyRefused, BalanceError (not accepted),
        GatewayError (a 500) or OutcomeUnknown (it may have been accepted).
        """
        url = self._base_url + request.endpoint.path
        headers = {**self._headers, **_POST_HEADERS, **request.headers}
        body = _encode(request.body).encode()
        seconds = SYNC_SUBMIT_SECONDS if request.answers_at_once else SUBMIT_SECONDS
        largest = LARGEST_SYNC_ANSWER if request.answers_at_once else LARGEST_ANSWER
        try:
            async with asyncio.timeout(seconds * WHOLE_ANSWER):
                reply = await self._api.exchange("POST", url, headers, body, seconds=seconds, largest=largest)
        except TimeoutError as error:
            raise OutcomeUnknown("the gateway's answer to the submission was lost: no answer in time") from error
        except Unsent as error:
            verb = "reach" if isinstance(error, Unreachable) else "send to"
            reason, hint = self._why(error, url)
            raise NotSent(
                f"cannot {verb} {self._base_url}: {reason}",
                hint=hint,
                is_lasting=isinstance(error, ProxyRefused | CertificateRefused),
            ) from error
        except Lost as error:
            reason = self._hide(str(error))
            raise OutcomeUnknown(f"the gateway's answer to the submission was lost: {reason}") from error
        self._report("POST", url, reply.status)
        if 200 <= reply.status < 300:
            answer = parse_answer(self._read(reply))
            if answer is None:
                text = excerpt(without_queries(self._hide(reply.text)))
                raise OutcomeUnknown(f"the gateway accepted the submission, but its answer names no request id: {text}")
            return answer
        self._raise_refusal(reply)
        if reply.status == 500:
            hint = "it may have been accepted, and is not sent again without --new or 'seedvr forget'"
            raise GatewayError(self._describe(reply), hint=hint)
        raise OutcomeUnknown(self._describe(reply) + _redirects(reply))

    async def poll(self, request_id: str, *, seconds: float | None = None) -> Answer:
        """One GET of a job's status, its whole answer within that many seconds (None: as long as is usual).

        Raises NetworkError, Busy, GatewayError, KeyRefused or RequestRefused (404).
        """
        url = self._base_url + STATUS_PATH + quote(request_id.encode("utf-8", "replace"), safe="")
        limit = POLL_SECONDS if seconds is None else min(seconds, POLL_SECONDS)
        try:
            async with asyncio.timeout(limit):
                reply = await self._api.exchange(
                    "GET", url, self._headers, None, seconds=limit, largest=LARGEST_SYNC_ANSWER
                )
        except TimeoutError as error:
            raise NetworkError(f"cannot reach {self._base_url}: no whole answer in {limit:g} seconds") from error
        except (Unsent, Lost) as error:
            reason, hint = self._why(error, url)
            raise NetworkError(f"cannot reach {self._base_url}: {reason}", hint=hint) from error
        self._report("GET", url, reply.status)
        if 200 <= reply.status < 300:
            answer = parse_answer(self._read(reply))
            if answer is None or answer.request_id != request_id:
                text = excerpt(without_queries(self._hide(reply.text)))
                raise GatewayError(f"the gateway's answer is not about this job: {text}")
            return answer
        self._raise_refusal(reply)
        if _redirects(reply):
            raise RequestRefused(self._describe(reply) + _redirects(reply), hint="check --base-url")
        raise GatewayError(self._describe(reply))

    @asynccontextmanager
    async def fetch(
        self, url: str, offset: int = 0, etag: str | None = None, end: int | None = None
    ) -> AsyncIterator[Stream]:
        """A media URL's body from `offset` bytes on (if the server can, and `etag` still holds), without the key.

        To before the byte `end`, or to the file's end.

        Raises NetworkError (try again), RangeRefused, MediaGone, or DeliveryError.
        """
        headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-" if end is None else f"bytes={offset}-{end - 1}"
            if etag:
                headers["If-Range"] = etag
        try:
            async with self._open(url, headers) as incoming:
                if incoming.status == 416:
                    raise RangeRefused(f"the file ends before byte {offset}")
                if incoming.status in {408, 425, 429} or incoming.status >= 500:
                    raise NetworkError(f"the media server answered HTTP {incoming.status}")
                if incoming.status in GONE:
                    raise MediaGone(f"the media server answered HTTP {incoming.status}")
                if incoming.status not in {200, 206}:
                    raise DeliveryError(f"the media server answered HTTP {incoming.status} for {_shown(url)}")
                stream = read_stream(incoming, offset, end)
                yield replace(stream, etag=stream.etag and self._hide(stream.etag))
        except (Unreachable, ProxyRefused, CertificateRefused, Lost) as error:
            reason, remedy = self._why(error, url)
            raise NetworkError(f"the download broke: {reason}", hint=remedy) from error
        except Unsent as error:
            raise DeliveryError(f"the gateway names a media URL that cannot be read: {_shown(url)}") from error

    async def peek(self, url: str, count: int, *, seconds: float = MEDIA_SECONDS) -> Peek:
        """The first bytes of a source, as the gateway would be given them: without the key.

        Raises NetworkError, where there is no answer within `seconds` too.
        """
        if is_loopback(urlsplit(url).hostname or "") and not is_local_gateway(self._base_url):
            raise NetworkError("it is on this machine, where the gateway cannot read it")
        headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", "Range": f"bytes=0-{count - 1}"}
        head = b""
        try:
            async with asyncio.timeout(seconds), self._open(url, headers) as incoming:
                if incoming.status not in {200, 206}:
                    return Peek(incoming.status, head)
                async for chunk in incoming.chunks:
                    head += chunk
                    if len(head) >= count:
                        break
                version = read_version(incoming)
                return Peek(incoming.status, head, replace(version, etag=version.etag and self._hide(version.etag)))
        except (Unsent, Lost, DeliveryError) as error:
            raise NetworkError(self._why(error, url)[0]) from error
        except TimeoutError as error:
            raise NetworkError(f"no answer in {seconds:g} seconds") from error

    @asynccontextmanager
    async def _open(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Incoming]:
        """GET with redirects followed, never to plain http elsewhere."""
        for _ in range(REDIRECTS + 1):
            url = self._media_url(url)
            async with self._media.open(url, headers, seconds=MEDIA_SECONDS) as incoming:
                self._report("GET", url, incoming.status)
                place = incoming.headers.get("location") if incoming.status in REDIRECTING else None
                if place is None:
                    yield incoming
                    return
            url = _join(url, self._hide(place))
        raise DeliveryError(f"the media server redirects more than {REDIRECTS} times")

    def _media_url(self, url: str) -> str:
        """The URL made a valid one; DeliveryError where it leads to where no results are."""
        try:
            valid = wire_url(url.strip())
        except ValueError as error:
            raise DeliveryError(f"the gateway names a media URL that cannot be read: {_shown(url)}") from error
        if not is_allowed_url(valid):
            raise DeliveryError(f"the gateway names a media URL that is neither https nor local: {_shown(url)}")
        if is_loopback(urlsplit(valid).hostname or "") and not is_local_gateway(self._base_url):
            raise DeliveryError(f"the gateway names a media URL on this machine, where it is not: {_shown(url)}")
        return valid

    def _why(self, error: Exception, url: str) -> tuple[str, str | None]:
        """What kept a request from being answered, with the proxy on its way, and what to do; None: what is usual."""
        reason, proxy = self._hide(str(error)).rstrip("."), proxy_for(url)
        if isinstance(error, Unsent) and proxy:
            reason += f" (by way of the proxy {redact(proxy)})"
        if isinstance(error, ProxyRefused):
            return reason, PROXY_HINT
        if isinstance(error, CertificateRefused):
            return reason, CERTIFICATE_REFUSED_HINT
        return reason, CERTIFICATES_HINT if "certificate" in reason.lower() else None

    def _report(self, method: str, url: str, status: int) -> None:
        if self._observe:
            self._observe(self._hide(f"{method} {_shown(url)} -> HTTP {status}"))

    def _describe(self, reply: Reply) -> str:
        """What a refusal says, in one line: the gateway's own words where there are any."""
        body = self._read(reply)
        words = []
        if isinstance(body, dict):
            words = [body[key] for key in ("error", "message", "detail") if isinstance(body.get(key), str)]
        text = excerpt(without_queries(self._hide(": ".join(dict.fromkeys(words)) or reply.text)))
        return f"the gateway answered HTTP {reply.status}" + (f": {text}" if text else "")

    def _read(self, reply: Reply) -> Any:
        """The answer's JSON without the key, should it hold it."""
        return with_texts(read_json(reply), self._hide)

    def _hide(self, text: str) -> str:
        """The text without the key, should it hold it; a very short key is no secret."""
        return text.replace(self._key, "***") if len(self._key) >= SECRET_LENGTH else text

    def _raise_refusal(self, reply: Reply) -> None:
        """For the answers that say the request was provably not accepted."""
        status = reply.status
        message = self._describe(reply)
        wait = retry_after(reply.headers.get("retry-after"), self._now(), reply.headers.get("date"))
        if status == 429 or (status == 503 and wait is not None):
            raise Busy(message, wait)
        if status in {401, 403}:
            raise KeyRefused(message)
        if status == 402:
            raise BalanceError(message)
        if status in REFUSALS:
            raise RequestRefused(message)


def _shown(url: str) -> str:
    """A URL for people, without its query, which may be a signature."""
    return url.partition("?")[0][:200]


def _redirects(reply: Reply) -> str:
    return ": it redirects, which is not followed" if 300 <= reply.status < 400 else ""


def _join(url: str, place: str) -> str:
    try:
        return urljoin(url, place)
    except ValueError as error:
        raise DeliveryError(f"the media server redirects to what is no URL: {place[:200]!r}") from error
