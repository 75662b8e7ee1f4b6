"""A profile: what a user has stored under one name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """A profile's stored values by flag name, parsed; `written` has them as they stand in the file, to be shown."""

    profile: str
    path: str
    values: Mapping[str, Any] = field(default_factory=dict)
    written: Mapping[str, Any] = field(default_factory=dict, compare=False)
