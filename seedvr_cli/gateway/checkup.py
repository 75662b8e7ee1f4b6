"""What `doctor` asks of the network: one GET that costs nothing, and what the environment says about the way there."""

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from urllib.parse import urlsplit

from seedvr_cli import __version__
from seedvr_cli.gateway.answers import excerpt, read_json
from seedvr_cli.gateway.certificates import (
    CERTIFICATES,
    HINT,
    certificate_trouble,
    certificates,
    load_certificates,
    trouble,
)
from seedvr_cli.gateway.client import LARGEST_ANSWER, carrier
from seedvr_cli.gateway.encoding import ACCEPTED
from seedvr_cli.gateway.proxies import PROXIES, proxy_for, proxy_trouble
from seedvr_cli.gateway.transport import Lost, Reply, Transport, Unfit, Unsent
from seedvr_cli.values.catalog import KEY_HEADER, STATUS_PATH
from seedvr_cli.values.checkup import Check, clock_check
from seedvr_cli.values.errors import BalanceError, GatewayError, KeyRefused, NetworkError
from seedvr_cli.values.redaction import redact, without_login
from seedvr_cli.values.schedule import http_date
from seedvr_cli.values.system import has_libcurl_loop
from seedvr_cli.values.trust import SYSTEM, USUAL, Trust
from seedvr_cli.values.urls import is_loopback

# A request id that no job has.
NOBODY = "seedvr-doctor-asks-whether-you-are-there"
# What suffers from a wrong clock.
HARM = "presigned URLs and waits until a given time go wrong"
# Answers of a gateway that is there, and what to do about them.
_REACHED = {
    402: BalanceError.hint,
    429: "it is busy: look again later",
    503: "it is busy: look again later",
}

Observe = Callable[[str], None]


async def check_gateway(
    base_url: str,
    key: str | None,
    *,
    seconds: float,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    observe: Observe | None = None,
    connect: Callable[[], Transport] = carrier,
) -> list[Check]:
    """Ask once for a job that cannot exist: who says so is the gateway, and has taken the key. And its clock."""
    reply = await _ask(base_url, key, seconds, connect)
    if isinstance(reply, Check):
        return [reply]
    if observe:
        observe(f"GET {base_url}{STATUS_PATH}{NOBODY} -> HTTP {reply.status}")
    return [_judge(base_url, reply, key), _check_clock(reply.headers, now())]


async def verify_key(
    base_url: str, key: str, *, seconds: float, connect: Callable[[], Transport] = carrier
) -> None:  # fmt: skip
    """Whether the gateway takes the key, by the same question.

    Raises KeyRefused, and GatewayError or NetworkError where it does not say.
    """
    reply = await _ask(base_url, key, seconds, connect)
    if isinstance(reply, Check):
        raise NetworkError(reply.message)
    if reply.status in {401, 403}:
        raise KeyRefused(f"{base_url} refuses the key (HTTP {reply.status})")
    check = _judge(base_url, reply, key)
    if check.state != "ok" and reply.status != 402:  # no money is no doubt about the key
        raise GatewayError(check.message)


async def _ask(base_url: str, key: str | None, seconds: float, connect: Callable[[], Transport]) -> Reply | Check:
    """The answer about a job that cannot exist, or why there is none."""
    url = f"{base_url}{STATUS_PATH}{NOBODY}"
    headers = {"User-Agent": f"seedvr-cli/{__version__}", "Accept-Encoding": ACCEPTED}
    if key is not None:
        headers[KEY_HEADER] = key
    transport = connect()
    try:
        transport.prepare(base_url)
        async with asyncio.timeout(seconds):
            return await transport.exchange("GET", url, headers, None, seconds=seconds, largest=LARGEST_ANSWER)
    except Unfit as error:
        return Check("gateway", "problem", f"{base_url} cannot be asked: {error}")
    except TimeoutError:
        return _unreached(base_url, f"no answer in {seconds:g} seconds")
    except (Unsent, Lost) as error:
        return _unreached(base_url, _hidden(str(error), key))
    finally:
        await transport.aclose()


def check_certificates(trust: Trust = USUAL) -> Check:
    """Whom requests trust, and what the gateway is shown; those that are named have to be there."""
    shows = f"; the gateway is shown {trust.certificate}" if trust.certificate else ""
    if problem := certificate_trouble(trust):
        return Check("certificates", "problem", problem)
    if trust.bundle is not None:
        whose = "the system's" if trust.bundle == SYSTEM else "those of ca-bundle"
        place = next(filter(None, certificates(trust)), "its own store")
        return Check("certificates", "ok", f"{whose}: {place}{shows}")
    file, folder = certificates(trust)
    name = next((name for name in CERTIFICATES if os.environ.get(name)), None)
    try:
        load_certificates(trust)
    except Exception as error:  # noqa: BLE001 - OpenSSL has many ways to say that this is no certificate
        return Check("certificates", "problem", trouble(error), f"unset {name}" if name else None)
    if name is None:
        return Check("certificates", "ok", f"those of certifi {version('certifi')}{shows}")
    return Check("certificates", "ok", f"those of {name}: {file or folder}{shows}")


def check_proxy(base_url: str) -> Check:
    """Which proxy stands on the way to the gateway, without its password."""
    if problem := proxy_trouble():
        return Check("proxy", "problem", problem)
    parts = urlsplit(base_url)
    if is_loopback(parts.hostname or ""):
        return Check("proxy", "ok", "none: the gateway is on this machine")
    if proxy := proxy_for(base_url):
        return Check("proxy", "ok", without_login(proxy))
    if any(os.environ.get(spelling) for name in PROXIES for spelling in (name, name.lower())):
        return Check("proxy", "ok", f"none: no variable names one for {parts.hostname}, or NO_PROXY excepts it")
    return Check("proxy", "ok", "none")


def check_carrier(connect: Callable[[], Transport] = carrier) -> Check:
    """Which library carries requests."""
    if type(connect()).__name__ != "HttpxTransport":
        return Check("carrier", "ok", f"libcurl, through pycurl {version('pycurl')}")
    faster = "" if not has_libcurl_loop() else "; the extra 'fast' brings libcurl, which takes half the processor time"
    return Check("carrier", "ok", f"httpx {version('httpx')}{faster}")


def _unreached(base_url: str, reason: str) -> Check:
    hint = NetworkError.hint
    if "certificate" in reason.lower():
        hint = HINT
    return Check("gateway", "problem", f"cannot reach {base_url}: {reason}", hint)


def _judge(base_url: str, reply: Reply, key: str | None) -> Check:
    status = reply.status
    words = excerpt(_hidden(reply.text, key))
    said = f"{base_url} answers HTTP {status}" + (f": {words}" if words else "")
    if status in {401, 403}:
        if key is None:
            return Check("gateway", "ok", f"{base_url} is reached; it wants a key")
        return Check("gateway", "problem", f"{base_url} refuses the key (HTTP {status})", KeyRefused.hint)
    if status == 404 and isinstance(read_json(reply), dict):
        taken = "is reached" if key is None else "is reached, and takes the key"
        return Check("gateway", "ok", f"{base_url} {taken}")
    if status in _REACHED:
        return Check("gateway", "warning", said, _REACHED[status])
    if status >= 500:
        return Check("gateway", "problem", said, "look again later")
    return Check("gateway", "problem", f"{said}; that is not how the gateway answers", "check --base-url")


def _check_clock(headers: Mapping[str, str], now: datetime) -> Check:
    theirs = http_date(headers.get("date") or "")
    if theirs is None:
        return Check("clock", "ok", "not compared: the gateway's answer has no date")
    return clock_check("clock", "the gateway's", theirs, now, HARM)


def _hidden(text: str, key: str | None) -> str:
    return redact(text, [key] if key else ())
