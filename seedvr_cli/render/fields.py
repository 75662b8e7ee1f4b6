"""--fields and --print: some parts of the JSON object, as an object of their own or in a line."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from seedvr_cli.render import machine
from seedvr_cli.render.talk import clean, harmless
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.words import nearest

HINT = "'seedvr image --json --fields' lists them"
# `files[0].path`; no list has a million parts.
_FIELD = re.compile(r"[^\[\].]+(?:\.[^\[\].]+|\[[0-9]{1,6}\])*")
_STEP = re.compile(r"([^\[\].]+)|\[([0-9]+)\]")
_PART = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<field>[^{}]*)\}|(?P<alone>[{}])|(?P<text>[^{}]+)")
# Below `params` and `extra` there is whatever there is.
_ANYTHING: Any = object()


class Field(NamedTuple):
    """A part of the object: as it was written, and the way to it, by keys and indexes."""

    text: str
    steps: tuple[str | int, ...]

    def of(self, value: Any) -> Any:
        """What stands there; None where nothing does."""
        for step in self.steps:
            if isinstance(step, str):
                value = value.get(step) if isinstance(value, Mapping) else None
            else:
                value = value[step] if isinstance(value, Sequence) and step < len(value) else None
        return value


class Fields:
    """--fields: an object with these alone, in their order, under the names that they were asked for by."""

    flag = "--fields"

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields

    @classmethod
    def read(cls, text: str) -> "Fields":
        """`a,b.c`; UsageError where there is no such field."""
        return cls([_read(word.strip(), "--fields") for word in text.split(",")])

    def line(self, value: Mapping[str, Any]) -> str:
        """The line for an object."""
        return machine.line({field.text: field.of(value) for field in self._fields})


class Template:
    """--print: a text with fields in braces, one line for an object."""

    flag = "--print"

    def __init__(self, parts: Sequence[Field | str]) -> None:
        self._parts = parts
        self._has_fields = any(isinstance(part, Field) for part in parts)

    @classmethod
    def read(cls, text: str) -> "Template":
        """`{request_id} {files[0].path}`; braces are doubled. UsageError where there is no such field."""
        if not text:
            raise UsageError("--print: it says nothing", hint="--print '{request_id} {files[0].path}'")
        parts: list[Field | str] = []
        for match in _PART.finditer(text):
            if match["alone"]:
                raise UsageError(f"--print: a {match['alone']} stands alone", hint="{{ and }} are braces of the text")
            is_field = match["field"] is not None
            parts.append(_read(match["field"], "--print") if is_field else match[0][:1] if match["brace"] else match[0])
        return cls(parts)

    def line(self, value: Mapping[str, Any]) -> str | None:
        """The line for an object; none where it has fields, and nothing stands in any of them."""
        shown = [part if isinstance(part, str) else _shown(part.of(value)) for part in self._parts]
        is_there = any(text for text, part in zip(shown, self._parts, strict=True) if isinstance(part, Field))
        return "".join(shown) if is_there or not self._has_fields else None


def field_names() -> Iterator[str]:
    """All that can be asked for, as it is written."""
    for name, shape in _shapes().items():
        yield name
        if isinstance(shape, list):
            yield f"{name}[0]"
            yield from (f"{name}[0].{part}" for part in shape[0] or ())
        elif isinstance(shape, Mapping):
            yield from (f"{name}.{part}" for part in shape)


def _shapes() -> dict[str, Any]:
    """What is below each key: None for nothing, a mapping of keys, a list of one such."""
    free = dict.fromkeys(("params", "extra", "request"), _ANYTHING)
    parts = {name: dict.fromkeys(keys) for name, keys in machine.PARTS.items()}
    lists = {"media_url": [None], "files": [parts["files"]]}
    return {**dict.fromkeys(machine.KEYS), **free, **parts, **lists}


def _read(text: str, where: str) -> Field:
    if not _FIELD.fullmatch(text):
        raise UsageError(f"{where}: {text!r} is no field such as status or files[0].path", hint=HINT)
    steps = tuple(name or int(index) for name, index in _STEP.findall(text))
    shape: Any = _shapes()
    for step in steps:
        if shape is _ANYTHING:
            break
        if isinstance(step, str):
            known = shape if isinstance(shape, Mapping) else ()
            if step not in known:
                raise UsageError(f"{where}: there is no field {text!r}{_meant(text)}", hint=HINT)
            shape = shape[step]
        else:
            if not isinstance(shape, list):
                raise UsageError(f"{where}: there is no field {text!r}{_meant(text)}", hint=HINT)
            shape = shape[0]
    return Field(text, steps)


def _meant(text: str) -> str:
    return nearest(text, field_names())


def _shown(value: Any) -> str:
    """A value in a line: a path's odd bytes survive a pipe; nothing in it ends the line or moves a cursor."""
    if value is None:
        return ""
    text = harmless(value if isinstance(value, str) else machine.line(value))
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a character, from the network
        return clean(text)
    return clean(text) if sys.stdout.isatty() else text
