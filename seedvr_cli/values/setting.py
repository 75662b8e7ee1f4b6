"""A setting as it is found: what holds, and who says so."""

from dataclasses import dataclass
from typing import Any, Literal

Source = Literal["environment", "project", "profile", "keyring", "file", "flag", "default"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One of them. `value` as it would be stored, without what is secret in it.

    `where` is the variable, the flag or the path, and `told` the source in words: `environment variable NAME`, `project
    file PATH`, `profile NAME in PATH`, `default`.
    """

    name: str
    value: Any
    default: str | None
    source: Source
    where: str | None
    told: str
    meaning: str
