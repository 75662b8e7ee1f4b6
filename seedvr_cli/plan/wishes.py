"""What the user asks for every source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seedvr_cli.values.catalog import Endpoint


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for every source.

    `options` by flag name, `extra` other body keys, `defaults` those of the profile, `output` as given to -o, `key` as
    given to --key; `local_files`: the gateway reads files of this machine; `uploads`: they are brought where it reads;
    `calls_us` as `build_request` takes it.
    """

    endpoint: Endpoint
    options: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)
    output: str | None = None
    recursive: bool = False
    local_files: bool = False
    uploads: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    calls_us: bool = False
