"""What may be said of an exchange: never the key, nor the query of a URL, which may be a signature."""

from collections.abc import Callable

from seedvr_cli import __version__
from seedvr_cli.gateway.certificates import HINT as CERTIFICATES_HINT
from seedvr_cli.gateway.certificates import REFUSED_HINT as CERTIFICATE_REFUSED_HINT
from seedvr_cli.gateway.proxies import REFUSED_HINT as PROXY_HINT
from seedvr_cli.gateway.proxies import proxy_for
from seedvr_cli.gateway.transport import CertificateRefused, ProxyRefused, Unsent
from seedvr_cli.values.redaction import without_login

USER_AGENT = f"seedvr-cli/{__version__}"
SECRET_LENGTH = 8


class Discretion:
    """Words about a client's exchanges: `key` is what may not be among them, `observe` is told of each."""

    def __init__(self, key: str, observe: Callable[[str], None] | None) -> None:
        self._key = key
        self._observe = observe

    def why(self, error: Exception, url: str) -> tuple[str, str | None]:
        """What kept a request from being answered, with the proxy on its way, and what to do; None: what is usual."""
        reason, proxy = self.hide(str(error)).rstrip("."), proxy_for(url)
        if isinstance(error, Unsent) and proxy:
            reason += f" (by way of the proxy {without_login(proxy)})"
        if isinstance(error, ProxyRefused):
            return reason, PROXY_HINT
        if isinstance(error, CertificateRefused):
            return reason, CERTIFICATE_REFUSED_HINT
        return reason, CERTIFICATES_HINT if "certificate" in reason.lower() else None

    def report(self, method: str, url: str, status: int) -> None:
        """Tell the observer of an answer."""
        if self._observe:
            self._observe(self.hide(f"{method} {shown(url)} -> HTTP {status}"))

    def hide(self, text: str) -> str:
        """The text without the key, should it hold it; a very short key is no secret."""
        return text.replace(self._key, "***") if len(self._key) >= SECRET_LENGTH else text


def shown(url: str) -> str:
    """A URL for people, without its query, which may be a signature."""
    return url.partition("?")[0][:200]
