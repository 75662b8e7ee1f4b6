"""A profile: what a user has stored under one name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seedvr_cli.values.options import OPTIONS


@dataclass(frozen=True, slots=True)
class Settings:
    """A profile's stored values by flag name, parsed; `written` has them as they stand in the file, to be shown."""

    profile: str
    path: str
    values: Mapping[str, Any] = field(default_factory=dict)
    written: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def choose(self, name: str, given: Any, *circumstances: str) -> Any:
        """What was given, else the profile's value, else the default in these circumstances."""
        if given is not None:
            return given
        return self.values[name] if name in self.values else OPTIONS[name].default_in(*circumstances)
