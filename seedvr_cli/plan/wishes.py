"""What the user asks for every source."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seedvr_cli.values.catalog import Endpoint
from seedvr_cli.values.target import Target


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for every source.

    `options` by flag name, `extra` other body keys, `defaults` those of the profile, `output` as given to -o, `key` as
    given to --key, `tags` to --tag. `local_files`: the gateway reads files of this machine; `uploads`: where it reads
    them otherwise; `calls_us` as `build_request` takes it. Of the files of a folder `include` and `exclude` are
    patterns, `newer_than` is seconds since 1970, `own_results` says which of the paths are results of ours, and
    `tell` is told what is passed over.
    """

    endpoint: Endpoint
    options: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)
    output: str | None = None
    recursive: bool = False
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    newer_than: float | None = None
    own_results: Callable[[Sequence[str]], Container[str]] = lambda _: ()
    tell: Callable[[str], None] = lambda _: None
    local_files: bool = False
    uploads: Target | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    tags: tuple[str, ...] = ()
    calls_us: bool = False
