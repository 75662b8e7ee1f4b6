"""Blotting out what a text must not tell: keys, signatures, passwords."""

import re
from collections.abc import Iterable

from seedvr_cli.values.catalog import KEY_HEADER

_HEADER = re.compile(rf"(?i)({KEY_HEADER}['\"]?\s*[:=,]\s*b?['\"]?)[^'\"\s,)]+")
_PARAMETER = re.compile(r"(?i)([?&](?:[\w-]*(?:token|signature|sig|key|credential|secret)[\w-]*)=)[^&\s'\"]+")
_LOGIN = re.compile(r"//[^/\s:@]+:[^/\s@]+@")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without these secrets, and without what looks like credentials in a header or a URL."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    text = _HEADER.sub(r"\1***", text)
    text = _PARAMETER.sub(r"\1***", text)
    return _LOGIN.sub("//***@", text)
