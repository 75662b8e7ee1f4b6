"""A setting as it is found: what holds, and who says so."""

from dataclasses import dataclass
from typing import Any, Literal

Source = Literal["environment", "project", "profile", "keyring", "command", "file", "flag", "default"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One of them. `value` and `default` as they would be stored, without what is secret in them.

    `where` is the variable, the flag, the path, or the setting that has the command; `told` is the source in words:
    `environment variable NAME`, `project file PATH`, `profile NAME in PATH`, `default`.
    """

    name: str
    value: Any
    default: Any
    source: Source
    where: str | None
    told: str
    meaning: str
