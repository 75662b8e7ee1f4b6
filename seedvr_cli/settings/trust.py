"""Which certificates a profile asks for: whom to trust, and what to show the gateway."""

import os
from collections.abc import Mapping

from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.trust import Trust

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def find_trust(settings: Settings, base_url: str, given: Mapping[str, str | None] | None = None) -> Trust:
    """Flag, environment, profile: of each the first. UsageError for a key without its certificate."""
    given = given or {}
    bundle = given.get("ca-bundle")
    if bundle is None and not any(map(os.environ.get, VARIABLES)):
        bundle = settings.choose("ca-bundle", None)
    certificate = settings.choose("client-cert", given.get("client-cert"))
    # A certificate that is given may hold its key: the profile's belongs to the profile's.
    own_key = None if given.get("client-cert") else settings.choose("client-key", None)
    key = given.get("client-key") or own_key
    if key and not certificate:
        raise UsageError("--client-key: there is no certificate to it", hint="name it with --client-cert")
    return Trust(bundle=bundle, certificate=certificate, key=key, base_url=base_url)
