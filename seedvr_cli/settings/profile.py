"""A profile: what a user has stored under one name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """A profile's stored values, by flag name, checked."""

    profile: str
    path: str
    values: Mapping[str, Any] = field(default_factory=dict)
