"""Which variable of the environment keeps requests from being sent, in one line for the user."""

import os
import ssl
from importlib.util import find_spec
from urllib.parse import urlsplit

from seedvr_cli.values.redaction import redact

PROXY_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def certificates() -> tuple[str | None, str | None]:
    """Whom to trust: a file of certificates, or a folder; what the environment names, or else certifi's file."""
    file, folder = map(os.environ.get, CERTIFICATES)
    if file or folder:
        return file or None, None if file else folder
    import certifi

    return certifi.where(), None


def load_certificates() -> ssl.SSLContext:
    """Loads them, which takes a while; OSError where they are none."""
    file, folder = certificates()
    return ssl.create_default_context(cafile=file, capath=folder)


def proxy_trouble(*, knows_socks: bool = False) -> str | None:
    """What is wrong with the proxies that the environment names; None where nothing is seen to be."""
    for name in PROXIES:
        for spelling in (name.lower(), name):
            problem = _problem(os.environ.get(spelling), knows_socks=knows_socks)
            if problem:
                return f"{spelling}: {problem}"
    return None


def trouble(error: Exception) -> str:
    """Why no connection can be made, by the variable that is to blame."""
    for name in CERTIFICATES:
        path = os.environ.get(name)
        if path is not None and isinstance(error, OSError):  # ssl.SSLError is one
            reason = "there is no such file" if not os.path.exists(path) else "it holds no certificates"
            return f"{name}: {path!r}: {reason}"
    problem = proxy_trouble()
    if problem:
        return problem
    for spelling in ("no_proxy", "NO_PROXY"):
        if os.environ.get(spelling):
            value, reason = redact(repr(os.environ[spelling])), redact(str(error))
            return f"{spelling}: {value} cannot be read ({reason}); name hosts, with commas between"
    return f"the environment's network settings cannot be used: {redact(str(error))}"


def _problem(value: str | None, *, knows_socks: bool) -> str | None:
    if not value:
        return None
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host = parts.hostname
        _ = parts.port
    except ValueError:  # whose words may be a part of the password
        return "that is no address of a proxy (http://HOST:PORT or socks5://HOST:PORT)"
    shown = f"{parts.scheme}://{host or ''}"
    if parts.scheme not in PROXY_SCHEMES or not host:
        return f"{shown!r} is no address of a proxy (http://HOST:PORT or socks5://HOST:PORT)"
    if parts.scheme.startswith("socks") and not knows_socks and find_spec("socksio") is None:
        return "a SOCKS proxy needs one package more: pip install 'seedvr-cli[socks]'"
    return None
