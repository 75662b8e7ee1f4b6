"""Amazon's keys where its own tools keep them: a profile of the shared files. The environment comes before them.

Roles of a machine, a pod or a task are the library's own business, and so are Google's and Azure's keys.
"""

import configparser
import os
from collections.abc import Mapping

# Names of the shared files beside the library's.
_NAMES = {
    "aws_access_key_id": "aws_access_key_id",
    "aws_secret_access_key": "aws_secret_access_key",
    "aws_session_token": "aws_session_token",
    "region": "region",
    "endpoint_url": "endpoint",
}
_PAIR = ("aws_access_key_id", "aws_secret_access_key")
_KEYS = frozenset({*_PAIR, "aws_session_token"})


def profile_options(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the library is to be told of the profile of AWS_PROFILE, or the default one; nothing where there is none.

    What the environment names itself is left out; ValueError where a profile is asked for that is not there.
    """
    name = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    home = environment.get("HOME") or os.path.expanduser("~")
    profile = f"profile {name}" if name else "default"
    files = {
        environment.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.join(home, ".aws", "credentials"): name or "default",
        environment.get("AWS_CONFIG_FILE") or os.path.join(home, ".aws", "config"): profile,
    }  # fmt: skip
    found: dict[str, str] = {}
    is_there = False
    for path, section in files.items():
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeError) as error:
            raise ValueError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
        for one in (section, section.removeprefix("profile ")):
            if parser.has_section(one):
                is_there = True
                found = {**dict(parser.items(one)), **found}
    if name and not is_there:
        raise ValueError(f"AWS_PROFILE: there is no profile {name!r} in {' or '.join(files)}")
    return {
        ours: found[theirs] for theirs, ours in _NAMES.items() if theirs in found and not _is_set(ours, environment)
    }


def own_keys(environment: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """An access key and its secret, where they are written down; None where a role has them, or nobody."""
    profile = profile_options(environment)
    access, secret = (environment.get(name.upper()) or profile.get(name) for name in _PAIR)
    return (access, secret) if access and secret else None


def _is_set(option: str, environment: Mapping[str, str]) -> bool:
    """Whether the environment says it: keys go together, whoever names one names all."""
    if option in _KEYS:
        return any(environment.get(key.upper()) for key in _KEYS)
    if option == "region":
        return bool(environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"))
    return bool(
        environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or environment.get("AWS_ENDPOINT")
    )
