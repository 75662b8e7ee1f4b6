"""The gateway over HTTP: submit, poll, and fetch media. The only place with httpx.

Foreign errors are translated here, once. What a failed submission means for the user's money is decided by what
is provable: `NotSent` and `Busy` were not accepted and may be sent again; all else that is no clear answer is unknown.
"""

import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, Self, TypeVar
from urllib.parse import quote, urljoin

import httpcore
import httpx

from seedvr_cli import __version__
from seedvr_cli.catalog import KEY_HEADER, STATUS_PATH, is_allowed_url
from seedvr_cli.clients import LIMITS, Clients, fast_transport, has_fast_transport
from seedvr_cli.errors import (
    BalanceError,
    DeliveryError,
    GatewayError,
    KeyRefused,
    NetworkError,
    OutcomeUnknown,
    RangeRefused,
    RequestRefused,
)
from seedvr_cli.models import Answer, Stream
from seedvr_cli.request import Request
from seedvr_cli.schedule import parse_timestamp, retry_after

# Seconds. An answer to a submission may take its time: giving up on it means not knowing whether it was paid.
CONNECT_SECONDS = 10.0
SUBMIT_SECONDS = 120.0
SYNC_SUBMIT_SECONDS = 900.0
POLL_SECONDS = 30.0
MEDIA_SECONDS = 30.0
REDIRECTS = 5
# Characters of an error body that are worth a line.
LONGEST_MESSAGE = 300

_KNOWN_FIELDS = frozenset(
    {"request_id", "status", "model_id", "error", "output", "created_at", "updated_at", "completed_at", "polling_url"}
)


SECRET_LENGTH = 8
# Bytes: what is read at once, and how much of a body must be left for it to be worth while.
READ_BYTES = 1 << 18
LONG_BODY = 1 << 23
GET_ERRORS = (httpx.HTTPError, httpx.InvalidURL, UnicodeError)

T = TypeVar("T", str, None, str | None)


class NotSent(NetworkError):
    """The connection was never made: nothing was submitted."""


class Busy(GatewayError):
    """429, or 503 with Retry-After: refused for now. `wait` is what the server asks for, in seconds."""

    code = "busy"

    def __init__(self, message: str, wait: float | None) -> None:
        super().__init__(message)
        self.wait = wait


class Gateway:
    """A client of one gateway. The key goes to its origin alone, and only in `submit` and `poll`.

    `base_url` is https, or http on this machine. `observe` is told of every exchange; `fast` is for
    large batches: polls go through aiohttp, if it is installed. `transport` is for tests.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        observe: Callable[[str], None] | None = None,
        fast: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url = base_url
        self._now = now
        self._key = key
        self._observe = observe
        self._transport = transport
        scheme = base_url.partition(":")[0]
        secret = {KEY_HEADER: key}
        self._submissions = Clients(partial(self._client, scheme, secret))
        self._get_errors: tuple[type[Exception], ...] = GET_ERRORS
        self._polls = self._pollers(scheme, secret) if fast else self._submissions
        self._media = {
            scheme: Clients(partial(self._client, scheme, {"Accept-Encoding": "identity"}))
            for scheme in ("https", "http")
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for clients in (self._submissions, self._polls, *self._media.values()):
            await clients.aclose()

    async def submit(self, request: Request) -> Answer:
        """POST the request once.

        Raises NotSent or Busy (may be sent again), RequestRefused, KeyRefused, BalanceError (not accepted),
        GatewayError (a 500) or OutcomeUnknown (it may have been accepted).
        """
        seconds = SYNC_SUBMIT_SECONDS if request.answers_at_once else SUBMIT_SECONDS
        timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS, pool=None)
        headers = {"Cache-Control": "no-cache", **request.headers}
        url = self._base_url + request.endpoint.path
        with self._submissions.lend() as client:
            try:
                post = client.build_request("POST", url, json=request.body, headers=headers, timeout=timeout)
                _ = post.url.host
            except (httpx.InvalidURL, UnicodeError) as error:
                raise NotSent(f"cannot send to {self._base_url}: {_reason(error)}") from error
            try:
                response = await client.send(post)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
                raise NotSent(f"cannot reach {self._base_url}: {_reason(error)}") from error
            except (httpx.ProxyError, httpx.LocalProtocolError) as error:
                raise NotSent(f"cannot send to {self._base_url}: {_reason(error)}") from error
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # httpx looks at a redirect's place, too
                raise OutcomeUnknown(f"the gateway's answer to the submission was lost: {_reason(error)}") from error
        if response.is_success:
            answer = parse_answer(_json(response))
            if answer is None:
                text = _excerpt(self._hide(response.text))
                raise OutcomeUnknown(f"the gateway accepted the submission, but its answer cannot be read: {text}")
            return replace(answer, error=self._hide(answer.error))
        if response.status_code in {301, 302, 303}:  # a redirect that may follow on a POST that was done
            raise OutcomeUnknown(f"{self._describe(response)}: it redirects, which is not followed")
        self._raise_refusal(response)
        if response.status_code == 500:
            hint = "it may have been accepted, and is not sent again without --new or 'seedvr forget'"
            raise GatewayError(self._describe(response), hint=hint)
        raise OutcomeUnknown(self._describe(response))

    async def poll(self, request_id: str) -> Answer:
        """One GET of a job's status. Raises NetworkError, Busy, GatewayError, KeyRefused or RequestRefused (404)."""
        url = self._base_url + STATUS_PATH + quote(request_id.encode("utf-8", "replace"), safe="")
        timeout = httpx.Timeout(POLL_SECONDS, connect=CONNECT_SECONDS, pool=None)
        try:
            with self._polls.lend() as client:
                response = await client.get(url, timeout=timeout)
        except self._get_errors as error:
            raise NetworkError(f"cannot reach {self._base_url}: {_reason(error)}") from error
        if response.is_success:
            answer = parse_answer(_json(response))
            if answer is None:
                raise GatewayError(f"the gateway's answer cannot be read: {_excerpt(self._hide(response.text))}")
            return replace(answer, error=self._hide(answer.error))
        self._raise_refusal(response)
        raise GatewayError(self._describe(response))

    @asynccontextmanager
    async def fetch(self, url: str, offset: int = 0, etag: str | None = None) -> AsyncIterator[Stream]:
        """A media URL's body from `offset` bytes on (if the server can, and `etag` still holds), without the key.

        Raises NetworkError (try again), RangeRefused, or DeliveryError.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        if offset and etag:
            headers["If-Range"] = etag
        try:
            async with self._open(url, headers) as response:
                if response.status_code == 416:
                    raise RangeRefused(f"the file ends before byte {offset}")
                if response.status_code in {408, 425, 429} or response.status_code >= 500:
                    raise NetworkError(f"the media server answered HTTP {response.status_code}")
                if response.status_code not in {200, 206}:
                    raise DeliveryError(f"the media server answered HTTP {response.status_code} for {url[:200]}")
                yield _stream(response, offset)
        except (httpx.HTTPError, UnicodeError) as error:
            raise NetworkError(f"the download broke: {_reason(error)}") from error

    @asynccontextmanager
    async def _open(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """GET with redirects followed, never to plain http elsewhere."""
        timeout = httpx.Timeout(MEDIA_SECONDS, connect=CONNECT_SECONDS, pool=None)
        for _ in range(REDIRECTS + 1):
            if not is_allowed_url(url):
                raise DeliveryError(f"the gateway names a media URL that is neither https nor local: {url[:200]}")
            with self._media[url.partition(":")[0].lower()].lend() as client:
                try:
                    request = client.build_request("GET", url, headers=headers, timeout=timeout)
                except (httpx.InvalidURL, UnicodeError) as error:
                    raise DeliveryError(f"the gateway names a media URL that cannot be read: {url[:200]}") from error
                response = await client.send(request, stream=True)
                try:
                    if not response.has_redirect_location:
                        yield response
                        return
                    url = _join(url, response.headers["Location"])
                finally:
                    await response.aclose()
        raise DeliveryError(f"the media server redirects more than {REDIRECTS} times")

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Loading the certificates takes a while: once, and not for a gateway on this machine."""
        return httpx.create_ssl_context()

    def _pollers(self, scheme: str, headers: dict[str, str]) -> Clients:
        """Clients for polls: not for media, whose signed URLs aiohttp would quote anew."""
        if self._transport is not None or not has_fast_transport():
            return self._submissions
        import aiohttp

        self._get_errors = (*GET_ERRORS, aiohttp.ClientError)  # not all of them are translated on the way
        return Clients(lambda: self._client(scheme, headers, fast_transport(self._verify(scheme))), largest=1)

    def _verify(self, scheme: str) -> ssl.SSLContext | bool:
        return self._tls if scheme == "https" else False  # no client follows a redirect by itself

    def _client(
        self, scheme: str, headers: dict[str, str], transport: httpx.AsyncBaseTransport | None = None
    ) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=self._transport or transport,
            verify=self._verify(scheme),
            limits=LIMITS,
            headers={"User-Agent": f"seedvr-cli/{__version__}", **headers},
            event_hooks={"response": [self._report]} if self._observe else {},
            mounts={f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")},  # never through a proxy
        )

    async def _report(self, response: httpx.Response) -> None:
        request = response.request
        if self._observe:
            self._observe(f"{request.method} {request.url} -> HTTP {response.status_code}")

    def _describe(self, response: httpx.Response) -> str:
        """What a refusal says, in one line: the gateway's own words where there are any."""
        body = _json(response)
        words = []
        if isinstance(body, dict):
            words = [body[key] for key in ("error", "message", "detail") if isinstance(body.get(key), str)]
        text = _excerpt(self._hide(": ".join(dict.fromkeys(words)) or response.text))
        return f"the gateway answered HTTP {response.status_code}" + (f": {text}" if text else "")

    def _hide(self, text: T) -> T:
        """The text without the key, should it hold it; a very short key is no secret."""
        return text.replace(self._key, "***") if text and len(self._key) >= SECRET_LENGTH else text

    def _raise_refusal(self, response: httpx.Response) -> None:
        """For the answers that say the request was provably not accepted."""
        status = response.status_code
        message = self._describe(response)
        wait = retry_after(response.headers.get("Retry-After"), self._now())
        if status == 429 or (status == 503 and wait is not None):
            raise Busy(message, wait)
        if status in {401, 403}:
            raise KeyRefused(message)
        if status == 402:
            raise BalanceError(message)
        if 400 <= status < 500:
            raise RequestRefused(message)
        if 300 <= status < 400:
            raise RequestRefused(f"{message}: it redirects, which is not followed", hint="check --base-url")


def parse_answer(body: Any) -> Answer | None:
    """An Answer from the JSON that submissions, polls and callbacks share; None where it is nothing of the kind."""
    if not isinstance(body, dict):
        return None
    request_id, status, output = _text(body.get("request_id")), _text(body.get("status")), body.get("output")
    if status is None and request_id:
        status = "QUEUED"
    if status is None:
        return None
    output = output if isinstance(output, dict) else {}
    media = output.get("media_url")
    media = media if isinstance(media, list) else [media]
    error = body.get("error")
    extra = {key: value for key, value in body.items() if key not in _KNOWN_FIELDS}
    rest = {key: value for key, value in output.items() if key not in {"media_url", "media_type"}}
    return Answer(
        request_id=request_id or None,
        status=status.strip().upper(),
        media_url=tuple(url for url in map(_text, media) if url),
        media_type=_text(output.get("media_type")),
        error=_text(error) if isinstance(error, str) or error is None else json.dumps(error),
        created_at=parse_timestamp(body.get("created_at")),
        completed_at=parse_timestamp(body.get("completed_at")),
        extra={**extra, **({"output": rest} if rest else {})},
    )


def _stream(response: httpx.Response, offset: int) -> Stream:
    headers = response.headers
    encoded = headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}
    length = headers.get("Content-Length", "")
    total = int(length) if length.isdigit() and not encoded else None
    begin = 0
    if response.status_code == 206:
        unit, _, rest = headers.get("Content-Range", "").partition(" ")
        span, _, size = rest.partition("/")
        first = span.partition("-")[0]
        if unit != "bytes" or not first.isdigit() or int(first) != offset:
            raise DeliveryError(f"the media server answered another range than was asked for: {rest[:60]!r}")
        begin = offset
        total = int(size) if size.isdigit() else None if total is None else total + offset
    etag = headers.get("ETag")
    strong = etag if etag and not etag.startswith("W/") and not encoded else None
    chunks = response.aiter_bytes() if encoded else _raw_chunks(response, int(length) if length.isdigit() else 0)
    return Stream(begin, total, strong, chunks)


async def _raw_chunks(response: httpx.Response, length: int) -> AsyncIterator[bytes]:
    """The body as it comes; most of a long one is read past the protocol's layers, as it is nothing but bytes."""
    chunks = response.aiter_raw()
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        yield chunk
        if length - received > LONG_BODY and "network_stream" in response.extensions:
            break
    else:
        return
    connection = response.extensions["network_stream"]
    while received < length:
        try:
            chunk = await connection.read(min(READ_BYTES, length - received), timeout=MEDIA_SECONDS)
        except (httpcore.NetworkError, httpcore.TimeoutException) as error:
            raise httpx.ReadError(str(error)) from error
        if not chunk:
            raise httpx.ReadError(f"it ended after {received} of {length} bytes")
        received += len(chunk)
        yield chunk


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _join(url: str, place: str) -> str:
    try:
        return urljoin(url, place)
    except ValueError as error:
        raise DeliveryError(f"the media server redirects to what is no URL: {place[:200]!r}") from error


def _text(value: Any) -> str | None:
    """A text that can be written down: JSON may carry half a character."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _excerpt(text: str) -> str:
    """One short line of a body, HTML's tags taken out."""
    import re

    if "<" in text:
        text = re.sub(r"(?is)<(script|style|head)\b.*?</\1>|<[^>]*>", " ", text)
    return " ".join(text.split())[:LONGEST_MESSAGE]


def _reason(error: Exception) -> str:
    return str(error) or {"ReadTimeout": "no answer in time", "ConnectTimeout": "no connection in time"}.get(
        type(error).__name__, type(error).__name__
    )
