"""Where the gateway calls back: each job has an address of its own, which only who knows the secret can make.

A path lands in the logs of proxies, so an address is good for one job, and what is sent to it is never believed.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

# Hexadecimal digits: of a claim behind the job's key, and of the signature.
NONCE_LENGTH = 16
SIGNATURE_LENGTH = 32

_PATH = re.compile(rf"/hook/([0-9a-f]{{{NONCE_LENGTH},}})/([0-9a-f]{{{SIGNATURE_LENGTH}}})")


def new_claim(key: str) -> str:
    """A fresh name for an attempt to submit the job with this key, which can be told from the name again."""
    return key + secrets.token_hex(NONCE_LENGTH // 2)


def key_of(claim: str) -> str:
    """The key of the job that was to be submitted."""
    return claim[:-NONCE_LENGTH]


def callback_address(public_url: str, claim: str, secret: str) -> str:
    """What the gateway is told to call: `<public-url>/hook/<claim>/<signature>`."""
    return f"{public_url.rstrip('/')}/hook/{claim}/{_sign(claim, secret)}"


def called_claim(target: str, secrets: Iterable[str]) -> str | None:
    """The claim that a request's target names, whatever stands before it; None where no secret has signed it."""
    path = target.partition("?")[0]
    found = _PATH.fullmatch(path[max(0, path.rfind("/hook/")) :])
    if found is None:
        return None
    claim, signature = found.groups()
    matches = [hmac.compare_digest(signature, _sign(claim, secret)) for secret in secrets]
    return claim if any(matches) else None


def _sign(claim: str, secret: str) -> str:
    return hmac.new(secret.encode(), claim.encode(), hashlib.sha256).hexdigest()[:SIGNATURE_LENGTH]
