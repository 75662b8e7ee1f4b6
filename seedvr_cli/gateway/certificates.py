"""The certificates of connections: found, loaded, and what is wrong with them in one line for the user."""

import os
import re
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from seedvr_cli.gateway.proxies import hide_proxies
from seedvr_cli.values.system import is_windows
from seedvr_cli.values.trust import SYSTEM, Trust
from seedvr_cli.values.urls import DEFAULT_PORTS

CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# Where systems keep what they trust, should Python's own OpenSSL look elsewhere: Debian, Red Hat, SUSE, macOS and BSD.
SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
# Alerts about a client's certificate, by OpenSSL's names; no server sends them once the handshake is done.
_REFUSAL = re.compile(
    r"alert (certificate (required|revoked|expired|unknown)|bad certificate|unsupported certificate|unknown ca)\b"
)
REFUSED_HINT = "the gateway knows its users by certificates: check --client-cert and --client-key"
# What to do where a server's certificate is not trusted.
HINT = "where a proxy or a company has its own certificates: --ca-bundle PATH, or --ca-bundle system for this machine's"


def certificates(trust: Trust) -> tuple[str | None, str | None]:
    """Whom to trust: a file of certificates and a folder; both None for what only the system itself can look up."""
    if trust.bundle == SYSTEM:
        return _of_the_system()
    if trust.bundle is not None:
        return (None, trust.bundle) if os.path.isdir(trust.bundle) else (trust.bundle, None)
    file, folder = map(os.environ.get, CERTIFICATES)
    if file or folder:
        return file or None, None if file else folder
    import certifi

    return certifi.where(), None


def load_certificates(trust: Trust, *, is_own: bool = False) -> ssl.SSLContext:
    """Loads them, which takes a while; OSError or ValueError where they are none.

    `is_own`: for the gateway's own server, which is shown the client's certificate.
    """
    file, folder = certificates(trust)
    context = ssl.create_default_context(cafile=file, capath=folder)
    # As libcurl has it, whatever Python's version: whom a company names is trusted, were it no root of a chain, and its
    # old certificates need not have each extension that the standard asks for.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if is_own and trust.certificate:
        context.load_cert_chain(trust.certificate, trust.key, password=_refuse)
    return context


def is_refusal(text: str) -> bool:
    """Whether an error of TLS says that the server does not take the client's certificate, or that it misses one.

    With TLS 1.3 it may come when a request has left, which the server then has not read: no handshake, no request.
    """
    return _REFUSAL.search(text.lower().replace("_", " ")) is not None


def is_own(trust: Trust, url: str) -> bool:
    """Whether the client's certificate, if there is one, is shown to that URL's server: the gateway's own, by TLS."""
    return bool(trust.certificate) and url[:6].lower() == "https:" and _server(url) == _server(trust.base_url)


def certificate_trouble(trust: Trust) -> str | None:
    """What is wrong with certificates that were asked for by name; those of the environment are not looked at."""
    if trust.bundle is not None and (problem := _bundle_problem(trust)):
        return f"ca-bundle: {trust.bundle!r}: {problem}"
    if trust.certificate is None:
        return None
    return pair_problem(trust.certificate, trust.key, names=("client-cert", "client-key"))


def pair_problem(certificate: str, key: str | None, *, names: tuple[str, str]) -> str | None:
    """What keeps a certificate and its key from being shown to anybody; `names` are what the two files are named by."""
    for name, path in zip(names, (certificate, key), strict=True):
        if path is not None and (problem := _unreadable(path)):
            return f"{name}: {path!r}: {problem}"
    return _pair_problem(certificate, key, names)


def trouble(error: Exception) -> str:
    """Why no connection can be made, by the variable that is to blame."""
    for name in CERTIFICATES:
        path = os.environ.get(name)
        if path is not None and isinstance(error, OSError):  # ssl.SSLError is one
            reason = "there is no such file" if not os.path.exists(path) else "it holds no certificates"
            return f"{name}: {path!r}: {reason}"
    return f"the environment's network settings cannot be used: {hide_proxies(str(error))}"


def _of_the_system() -> tuple[str | None, str | None]:
    """What Python's OpenSSL would look at, were it the system's own; Windows has a store, which is no file."""
    if is_windows():
        return None, None
    paths = ssl.get_default_verify_paths()
    for file in (paths.openssl_cafile, *SYSTEM_FILES):
        if file and os.path.isfile(file):
            return file, None
    return None, paths.openssl_capath if os.path.isdir(paths.openssl_capath) else None


def _refuse() -> str:
    """Asked for a passphrase: OpenSSL itself would ask at the terminal."""
    raise ValueError("a passphrase is wanted")


def _bundle_problem(trust: Trust) -> str | None:
    if trust.bundle != SYSTEM and trust.bundle is not None and not os.path.isdir(trust.bundle):
        if problem := _unreadable(trust.bundle):
            return problem
    elif certificates(trust) == (None, None) and not is_windows():
        return "this system keeps its certificates where nobody finds them; name their file"
    try:
        load_certificates(trust)
    except OSError:  # ssl.SSLError is one
        return "it holds no certificates (PEM)"
    return None


def _pair_problem(certificate: str, key: str | None, names: tuple[str, str]) -> str | None:
    of_certificate = f"{names[0]}: {certificate!r}"
    key_place = f"{names[1]}: {key!r}" if key else of_certificate
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=_refuse)
    except ValueError:
        return f"{key_place}: the key wants a passphrase; 'openssl pkey' makes one without"
    except ssl.SSLError as error:
        if "MISMATCH" in str(error):
            return f"{key_place}: the key is not that of the certificate"
        with open(certificate, "rb") as file:
            if b"-----BEGIN CERTIFICATE" not in file.read():
                return f"{of_certificate}: it holds no certificate (PEM)"
        flag = f"--{names[1].removeprefix('--')}"
        return f"{key_place}: it holds no key (PEM)" + ("" if key else f"; {flag} names its file")
    return None


def _unreadable(path: str) -> str | None:
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        return "it is no regular file"  # and it is read more than once
    try:
        with open(path, "rb"):
            return None
    except FileNotFoundError:
        return "there is no such file"
    except OSError as error:
        return str(error.strerror)


def _server(url: str) -> tuple[str, int | None] | None:
    with suppress(ValueError):
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS.get(parts.scheme)
    return None
