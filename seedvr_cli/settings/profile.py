"""A profile: what a user has stored under one name, and what a project's file puts over it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seedvr_cli.values.options import OPTIONS

# Bytes of a file of settings; what is larger is something else.
LARGEST_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class Project:
    """What a project's file sets, by flag name, parsed, and the profile that it names.

    `distrust` is why nothing of it is read, where that is so.
    """

    path: str
    values: Mapping[str, Any] = field(default_factory=dict)
    written: Mapping[str, Any] = field(default_factory=dict)
    profile: str | None = None
    distrust: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The stored values that hold, by flag name, parsed.

    `written` has those of the user's profile as they stand in the file, to be shown; `project` is the file that goes
    before it, if there is one.
    """

    profile: str
    path: str
    values: Mapping[str, Any] = field(default_factory=dict)
    written: Mapping[str, Any] = field(default_factory=dict, compare=False)
    project: Project | None = field(default=None, compare=False)

    def choose(self, name: str, given: Any, *circumstances: str) -> Any:
        """What was given, else the stored value, else the default in these circumstances."""
        if given is not None:
            return given
        return self.values[name] if name in self.values else OPTIONS[name].default_in(*circumstances)
