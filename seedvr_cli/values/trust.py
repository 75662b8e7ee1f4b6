"""Whom connections trust, and as whom they come to the gateway."""

from dataclasses import dataclass

# In place of a path: what the system trusts.
SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """`bundle`: a file or a folder of certificates, or SYSTEM; None: what the environment names, or else certifi's.

    `certificate` and `key` (None: it is in the same file) are shown to the server of `base_url` and to no other.
    """

    bundle: str | None = None
    certificate: str | None = None
    key: str | None = None
    base_url: str = ""


USUAL = Trust()
