"""The gateway over HTTP: submit and poll.

What a failed submission means for the user's money is decided by what
is provable: `NotSent` and `Busy` were not accepted and may be sent again; all else that is no clear answer is unknown.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote, urlsplit

from seedvr_cli.gateway.answers import excerpt, parse_answer, read_json, with_texts
from seedvr_cli.gateway.discretion import USER_AGENT, Discretion
from seedvr_cli.gateway.encoding import ACCEPTED
from seedvr_cli.gateway.media import Media
from seedvr_cli.gateway.transport import (
    CertificateRefused,
    Lost,
    ProxyRefused,
    Reply,
    Transport,
    Unfit,
    Unreachable,
    Unsent,
)
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.catalog import KEY_HEADER, STATUS_PATH
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
    UsageError,
)
from seedvr_cli.values.redaction import without_queries
from seedvr_cli.values.request import Request
from seedvr_cli.values.schedule import retry_after
from seedvr_cli.values.system import has_libcurl_loop
from seedvr_cli.values.trust import USUAL, Trust
from seedvr_cli.values.urls import is_local_gateway, is_loopback

# Seconds of silence. An answer to a submission may take its time: giving up on it means not knowing whether it was
# paid. And seconds for the whole of such an answer, however it drips.
SUBMIT_SECONDS = 120.0
SYNC_SUBMIT_SECONDS = 900.0
WHOLE_ANSWER = 1.5
POLL_SECONDS = 30.0
# Bytes of an answer, and of one that carries the result itself.
LARGEST_ANSWER = 8 << 20
LARGEST_SYNC_ANSWER = 256 << 20
# Answers that say for sure that a submission was not accepted (cli.md, Exit codes), beside those with a meaning of
# their own. Whatever else is no 2xx leaves it open: a proxy may have given up on what the gateway went on to do.
REFUSALS = frozenset({400, 404, 405, 410, 411, 413, 414, 415, 422, 451})

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
        self._discretion = Discretion(key, observe)
        self._headers = {"User-Agent": USER_AGENT, "Accept-Encoding": ACCEPTED, KEY_HEADER: key}
        self._api = connect()
        self._elsewhere = connect()
        self.media = Media(self._elsewhere, self._discretion, is_local=is_local_gateway(base_url))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._api.aclose()
        await self._elsewhere.aclose()

    @property
    def host(self) -> str:
        """Its name, for people."""
        return urlsplit(self._base_url).netloc

    def prepare(self) -> None:
        """Check that requests can be sent at all: UsageError names the variable of the environment that is wrong."""
        try:
            self._api.prepare(self._base_url)
            if not is_loopback(urlsplit(self._base_url).hostname or ""):
                self._elsewhere.prepare(self._base_url)
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
            reason, hint = self._discretion.why(error, url)
            raise NotSent(
                f"cannot {verb} {self._base_url}: {reason}",
                hint=hint,
                is_lasting=isinstance(error, ProxyRefused | CertificateRefused),
            ) from error
        except Lost as error:
            reason = self._discretion.hide(str(error))
            raise OutcomeUnknown(f"the gateway's answer to the submission was lost: {reason}") from error
        self._discretion.report("POST", url, reply.status)
        if 200 <= reply.status < 300:
            answer = parse_answer(self._read(reply))
            if answer is None:
                text = excerpt(without_queries(self._discretion.hide(reply.text)))
                raise OutcomeUnknown(f"the gateway accepted the submission, but its answer names no request id: {text}")
            return answer
        self._raise_refusal(reply)
        if reply.status == 500:
            hint = "it may have been accepted, and is not sent again without --new or 'seedvr forget'"
            raise GatewayError(self._describe(reply), hint=hint)
        raise OutcomeUnknown(self._describe(reply) + _redirects(reply))

    async def poll(self, request_id: str, *, seconds: float | None = None) -> Answer:
        """One GET of a job's status, its whole answer within that many seconds (None: as long as is usual).

        Raises NetworkError, Busy, GatewayError, KeyRefused, NotFound or RequestRefused.
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
            reason, hint = self._discretion.why(error, url)
            raise NetworkError(f"cannot reach {self._base_url}: {reason}", hint=hint) from error
        self._discretion.report("GET", url, reply.status)
        if 200 <= reply.status < 300:
            answer = parse_answer(self._read(reply))
            if answer is None or answer.request_id != request_id:
                text = excerpt(without_queries(self._discretion.hide(reply.text)))
                raise GatewayError(f"the gateway's answer is not about this job: {text}")
            return answer
        self._raise_refusal(reply)
        if _redirects(reply):
            raise RequestRefused(self._describe(reply) + _redirects(reply), hint="check --base-url")
        raise GatewayError(self._describe(reply))

    def _describe(self, reply: Reply) -> str:
        """What a refusal says, in one line: the gateway's own words where there are any."""
        body = self._read(reply)
        words = []
        if isinstance(body, dict):
            words = [body[key] for key in ("error", "message", "detail") if isinstance(body.get(key), str)]
        text = excerpt(without_queries(self._discretion.hide(": ".join(dict.fromkeys(words)) or reply.text)))
        return f"the gateway answered HTTP {reply.status}" + (f": {text}" if text else "")

    def _read(self, reply: Reply) -> Any:
        """The answer's JSON without the key, should it hold it."""
        return with_texts(read_json(reply), self._discretion.hide)

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
        if status == 404:
            raise NotFound(message)
        if status in REFUSALS:
            raise RequestRefused(message)


def _redirects(reply: Reply) -> str:
    return ": it redirects, which is not followed" if 300 <= reply.status < 400 else ""
