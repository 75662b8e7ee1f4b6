"""`config set api-key`: asked for, shown to the gateway, and kept in the file or in the keyring."""

import os
import sys

from seedvr_cli.settings.file import find_base_url, load_own, read_document, store
from seedvr_cli.settings.folders import config_file
from seedvr_cli.settings.key import KEY_VARIABLES
from seedvr_cli.settings.key_store import find_store, store_key
from seedvr_cli.settings.known import SETTINGS
from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.errors import KEYS_PAGE, GatewayError, KeyRefused, NetworkError

# Seconds for the gateway to say whether it takes a key.
VERIFY_SECONDS = 8.0


def set_key(profile: str, *, keyring: bool, verify: bool, quiet: bool) -> None:
    """Ask for the key and keep it. One that the gateway refuses is not kept.

    Where the gateway is not to be had, the file takes it all the same, so that machines can be set up without a
    network; the keyring is for people, who can say --no-verify.
    """
    if keyring:  # before anybody has to type
        find_store()
    key = SETTINGS["api-key"].read(_ask(), "config set api-key")
    said = []
    if verify:
        try:
            _verify(profile, key)
            said.append("the gateway takes the key")
        except KeyRefused as error:
            error.hint = f"nothing is stored; check the key at {KEYS_PAGE}; --no-verify stores it all the same"
            raise
        except (GatewayError, NetworkError) as error:
            if keyring:
                error.hint = "nothing is stored; --no-verify stores the key unseen"
                raise
            said.append(f"the gateway was not asked about the key: {error.message}")
    if keyring:
        if profile not in {"default", *read_document(config_file())}:  # else nobody could choose it
            store(profile, "api-key", None)
        store_key(profile, key)
        said.append(f"api-key is stored in the keyring [{profile}]")
        said += _clear_way(profile)
    else:
        said.append(f"api-key is stored in {store(profile, 'api-key', key)} [{profile}]")
    said += [f"{name} goes before it" for name in KEY_VARIABLES if os.environ.get(name)]
    if not quiet:
        for line in said:
            print(f"seedvr: {line}", file=sys.stderr)


def _ask() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    import getpass

    return getpass.getpass("API key: ")


def _verify(profile: str, key: str) -> None:
    import asyncio

    from seedvr_cli.gateway.checkup import verify_key
    from seedvr_cli.gateway.client import carrier
    from seedvr_cli.settings.trust import find_trust

    path = config_file()
    settings = load_own(profile) if profile in read_document(path) else Settings(profile, path)
    url = find_base_url(settings)
    trust = find_trust(settings, url)
    asyncio.run(verify_key(url, key, seconds=VERIFY_SECONDS, connect=lambda: carrier(trust)))


def _clear_way(profile: str) -> list[str]:
    """What is said of the file's own key, which is taken out, and of a command, which would go before the keyring."""
    table = {name.replace("_", "-") for name in read_document(config_file()).get(profile, {})}
    said = []
    if "api-key" in table:
        said.append(f"the key in {store(profile, 'api-key', None)} [{profile}] is removed")
    if "api-key-command" in table:
        said.append(f"api-key-command of [{profile}] goes before it")
    return said
