"""Which proxy stands on the way to a URL, by one rule for every library that carries requests.

A variable in lower case comes before the same in upper case, even where it is empty. ALL_PROXY is for schemes that have
no variable of their own. NO_PROXY names hosts, domains, addresses and networks, each with or without a port.
"""

import ipaddress
import os
import re
from importlib.util import find_spec
from urllib.parse import urlsplit

from seedvr_cli.gateway.transport import ProxyRefused, Unreachable, Unsent
from seedvr_cli.values.redaction import login_secrets, redact
from seedvr_cli.values.system import keeps_proxies
from seedvr_cli.values.urls import DEFAULT_PORTS, is_loopback

PROXY_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
# Answers of a proxy that another try does not change.
REFUSALS = frozenset({401, 403, 405, 407})
# What to do where a proxy lets nothing through.
REFUSED_HINT = "check name and password in HTTPS_PROXY (http://NAME:PASSWORD@HOST:PORT), or NO_PROXY for this host"

# What a name or a password may only have as %XX: where it stands as it is, libraries differ on what is meant.
_ODD = re.compile(r"(?:[@/?#]|[^!-~])(?=.*@)", re.DOTALL)
_ODD_HINT = "in a name or password @ is written %40, / %2F, # %23, a blank %20, and so on"
_HOST_AND_PORT = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?")


def proxy_for(url: str) -> str | None:
    """The URL of the proxy; None where the server is asked directly, as those of this machine always are."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not host or is_loopback(host):
        return None
    proxy = _variable(f"{parts.scheme}_proxy") or _variable("all_proxy")
    if not proxy:
        return _proxy_of_the_system(parts.scheme, host)
    if is_exempt(host, port, _variable("no_proxy")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_exempt(host: str, port: int | None, exceptions: str) -> bool:
    """Whether one of the exceptions, with commas or blanks between, is about that host."""
    return any(_is_about(entry, host, port) for entry in re.split(r"[\s,]+", exceptions) if entry)


def proxy_trouble(*, knows_socks: bool = False) -> str | None:
    """What is wrong with the proxies that the environment names; None where nothing is seen to be."""
    for name in PROXIES:
        for spelling in (name.lower(), name):
            problem = _problem(os.environ.get(spelling), knows_socks=knows_socks)
            if problem:
                return f"{spelling}: {problem}"
    return None


def proxy_secrets() -> set[str]:
    """What may not be said of the proxies that the environment or the system names: their passwords."""
    values = [os.environ.get(spelling, "") for name in PROXIES for spelling in (name, name.lower())]
    if keeps_proxies():
        from urllib.request import getproxies

        values += getproxies().values()
    return set().union(*(login_secrets(value.strip()) for value in values))


def hide_proxies(text: str) -> str:
    """What a library says of an exchange, without what lets us through the proxies or looks like a login."""
    return redact(text, proxy_secrets())


def refusal(status: int | None, words: str, *, is_login: bool) -> Unsent:
    """What to raise where the proxy lets nothing through: by its answer to CONNECT, or by its words where it has none.

    `is_login`: its words are about who we are.
    """
    said = f"lets nothing through: {words}" if status is None else f"says HTTP {status}"
    is_lasting = is_login if status is None else status in REFUSALS
    return (ProxyRefused if is_lasting else Unreachable)(f"the proxy {said}")


def _variable(name: str) -> str:
    return os.environ.get(name, os.environ.get(name.upper(), "")).strip()


def _proxy_of_the_system(scheme: str, host: str) -> str | None:
    if not keeps_proxies():
        return None
    from urllib.request import getproxies, proxy_bypass

    proxy = getproxies().get(scheme)
    return proxy if proxy and not proxy_bypass(host) else None


def _is_about(entry: str, host: str, port: int | None) -> bool:
    name, wanted = entry, None
    if match := _HOST_AND_PORT.fullmatch(entry):  # not an IPv6 address without brackets
        name, wanted = match[1] or match[2], match[3]
    if wanted and int(wanted) != port:
        return False
    if name == "*":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        domain = name.lower().removeprefix("*").removeprefix(".").rstrip(".")
        return bool(domain) and f".{host.lower()}".endswith(f".{domain}")
    try:
        return address in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False


def _problem(value: str | None, *, knows_socks: bool) -> str | None:
    if not value:
        return None
    value = value.strip()
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host = parts.hostname
        _ = parts.port
    except ValueError:  # whose words may be a part of the password
        odd = f"; {_ODD_HINT}" if "@" in value else ""
        return f"that is no address of a proxy (http://HOST:PORT or socks5://HOST:PORT){odd}"
    if _ODD.search(value.partition("://")[2] or value):
        return f"that is no address of a proxy; {_ODD_HINT}"
    written = f"{parts.scheme}://{host or ''}"
    if parts.scheme not in PROXY_SCHEMES or not host:
        return f"{written!r} is no address of a proxy (http://HOST:PORT or socks5://HOST:PORT)"
    if parts.scheme.startswith("socks") and not knows_socks and find_spec("socksio") is None:
        return "a SOCKS proxy needs one package more: pip install 'seedvr-cli[socks]'"
    return None
