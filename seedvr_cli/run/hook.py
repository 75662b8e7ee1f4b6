"""The server that the gateway calls: a callback of ours is answered at once, and wakes whoever looks after its job."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from seedvr_cli.gateway.answers import parse_answer
from seedvr_cli.gateway.certificates import pair_problem
from seedvr_cli.http.connection import Answer, Connection, Manners, Request, Response
from seedvr_cli.ledger.calls import Calls
from seedvr_cli.values.callbacks import called_claim
from seedvr_cli.values.errors import LedgerError, UsageError
from seedvr_cli.values.job import Job

# A body is looked at for a request id alone. A slow caller, or one of too many, is let go: the gateway calls again.
MANNERS = Manners(name="seedvr", largest_body=1 << 20, request_seconds=10.0, connections=512)
# Seconds in which a callback has to be recorded: the gateway waits for some, and calls again.
RECORD_SECONDS = 4.0
# Callbacks that may wait to be accepted.
BACKLOG = 1024
# What a caller gets while the ledger is not to be had.
LATER = Response(503, {"Retry-After": "5"})
LAST_PORT = 65535
_BIND = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<name>[^\[\]/?#@:\s]+)):(?P<port>[0-9]{1,5})")
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; `certificate` and `key` are PEM files, None for plain HTTP behind a tunnel or an ingress."""

    host: str
    port: int
    certificate: str | None = None
    key: str | None = None

    @classmethod
    def read(cls, bind: str, certificate: str | None, key: str | None) -> "Address":
        """UsageError where that is no HOST:PORT, or there is a key without a certificate."""
        match = _BIND.fullmatch(bind)
        if match is None or int(match["port"]) > LAST_PORT:
            raise UsageError(f"--bind: {bind} is not HOST:PORT", hint="--bind 127.0.0.1:8788, or [::1]:8788")
        host, port = match["name"] or match["six"], int(match["port"])
        if key is not None and certificate is None:
            raise UsageError("--tls-key needs --tls-cert")
        return cls(host, port, certificate, key)

    def context(self) -> ssl.SSLContext | None:
        """What TLS needs; UsageError where the files do not give it."""
        if self.certificate is None:
            return None
        if problem := pair_problem(self.certificate, self.key, names=("--tls-cert", "--tls-key")):
            raise UsageError(problem)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context


@asynccontextmanager
async def serve_hook(address: Address, calls: Calls, gateway: str, wake: Callable[[Job], None]) -> AsyncIterator[str]:
    """Take callbacks for the length of the block; yields the URL. `wake` is told of each job of that gateway.

    Raises LedgerError where the secret of the addresses is not to be had, UsageError where nobody can listen there.
    """
    hook = _Hook(calls, await calls.secrets(), gateway, wake)
    connections: set[Connection] = set()
    context = address.context()
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(hook.answer, connections, MANNERS), address.host, address.port,
            backlog=BACKLOG, ssl=context, ssl_handshake_timeout=MANNERS.request_seconds if context else None,
        )  # fmt: skip
    except (OSError, UnicodeError) as error:
        place = f"{address.host}:{address.port}"
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"--bind: cannot listen on {place}: {why}") from error
    try:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"{'https' if context else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        server.close()
        for connection in list(connections):
            connection.close()
        await asyncio.gather(*(connection.closed for connection in list(connections)))


class _Hook:
    def __init__(self, calls: Calls, secrets: tuple[str, ...], gateway: str, wake: Callable[[Job], None]) -> None:
        self._gateway = gateway
        self._calls = calls
        self._secrets = secrets
        self._wake = wake
        self._taking: set[asyncio.Task[Answer]] = set()

    def answer(self, request: Request) -> Answer | Coroutine[Any, Any, Answer]:
        """204 for a callback of ours; 404 for all that does not show that it is one."""
        claim = called_claim(request.target, self._secrets)
        if claim is None:
            return Response(404, PLAIN, b"not found\n")
        if request.method != "POST":
            return Response(405, {**PLAIN, "Allow": "POST"}, b"the gateway calls with POST\n")
        taking = asyncio.ensure_future(self._take(claim, request.body))
        self._taking.add(taking)
        taking.add_done_callback(self._taking.discard)
        return _shielded(taking)

    async def _take(self, claim: str, body: bytes) -> Answer:
        try:
            async with asyncio.timeout(RECORD_SECONDS):
                job = await self._calls.told(self._gateway, claim, _told_id(body))
        except (LedgerError, TimeoutError):
            return LATER
        if job is not None and not job.is_heard:
            self._wake(job)
        return Response(204)


async def _shielded(taking: "asyncio.Task[Answer]") -> Answer:
    """What a caller has said whole is taken, also where it does not wait for the answer."""
    return await asyncio.shield(taking)


def _told_id(body: bytes) -> str | None:
    """What the body says the job's request id is; nobody believes it."""
    try:
        answer = parse_answer(json.loads(body))
    except (ValueError, RecursionError):
        return None
    return answer.request_id if answer else None
