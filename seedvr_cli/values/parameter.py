"""A parameter of an endpoint: what it takes, in words and as a parser. Which there are says the catalog."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from seedvr_cli.values.urls import is_allowed_url

# Other spellings that are understood and not shown.
SECOND_SPELLINGS = frozenset({"jpeg", "x264", "x265", "hevc", "avc"})
# What stands for a source's own format, where a parameter `follows` the source.
SAME = "same"
# Words for on and off, as a shell or a table brings them.
BOOLEAN_WORDS = {
    "true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip
# Characters of a wrong value that a message shows.
SHOWN = 80


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key of a request's body, and the flag that sets it, with its `short` form such as `x` where it has one.

    `choices` maps what a user may write to the gateway's spelling of it. `follows`: `same` may be written, and becomes
    one of them once the source is seen. Where `changes_result` is False, two requests that differ in it alone have the
    same result.
    """

    wire: str
    flag: str
    kind: Literal["number", "integer", "choice", "text", "boolean", "url", "events"]
    minimum: float | None = None
    maximum: float | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    short: str = ""
    changes_result: bool = True
    follows: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The words to choose from, without the second spellings."""
        words = tuple(word for word in self.choices if word not in SECOND_SPELLINGS)
        return (*words, SAME) if self.follows else words

    @property
    def allowed(self) -> str:
        """The allowed values in words: `1-8`, `png, jpg, webp`, `text`."""
        if self.kind == "events":
            return "a list of " + ", ".join(self.choices)
        if self.choices:
            return ", ".join(self.words)
        if self.minimum is not None:
            return f"{self.minimum:g}-{self.maximum:.0f}"
        return {"url": "an https URL", "boolean": "on or off"}.get(self.kind, self.kind)

    def parse(self, value: Any) -> Any:
        """The gateway's spelling of a value that a user gave, text from a shell or JSON; ValueError if it is none."""
        return _PARSERS[self.kind](self, value)


def parse_boolean(value: Any) -> bool:
    """On or off from JSON or one of the usual words; ValueError otherwise."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in BOOLEAN_WORDS:
        return BOOLEAN_WORDS[value.lower()]
    raise ValueError(f"{show(value)} is not one of true, false")


def show(value: Any) -> str:
    """A wrong value in quotes, as much of it as says which it is."""
    import json  # late: a right value need not be shown

    try:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    except (ValueError, TypeError):  # an integer of thousands of digits
        text = f"a {type(value).__name__}"
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def _parse_number(parameter: Parameter, value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("no number")  # noqa: TRY004 - whatever is wrong with a value
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("no number that counts") from error
    low, high = parameter.minimum, parameter.maximum
    if not math.isfinite(number) or (low is not None and number < low) or (high is not None and number > high):
        raise ValueError("out of range")
    if number.is_integer():
        return int(number)  # 2, 2.0 and "2" are the same request, and are paid for once
    if parameter.kind == "integer":
        raise ValueError("no integer")
    return number


def _parse_choice(parameter: Parameter, value: Any) -> str:
    if isinstance(value, str):
        if parameter.follows and value.lower() == SAME:
            return SAME
        if value.lower() in parameter.choices:
            return parameter.choices[value.lower()]
        if value in parameter.choices.values():
            return value
    raise ValueError("none of the words")


def _parse_events(parameter: Parameter, value: Any) -> list[str]:
    events = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    known = list(parameter.choices)  # a list, as what JSON brings may not be hashable
    if not isinstance(events, list) or not events or any(event not in known for event in events):
        raise ValueError("no list of events")
    return events


def _parse_url(_: Parameter, value: Any) -> str:
    if not isinstance(value, str) or not is_allowed_url(value):
        raise ValueError("no URL")
    return value


def _parse_text(_: Parameter, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no text")
    return value


_PARSERS: Mapping[str, Callable[[Parameter, Any], Any]] = {
    "number": _parse_number,
    "integer": _parse_number,
    "choice": _parse_choice,
    "boolean": lambda _, value: parse_boolean(value),
    "events": _parse_events,
    "url": _parse_url,
    "text": _parse_text,
}
