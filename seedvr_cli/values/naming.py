"""What a result is called: templates, safe names, numbers against collisions."""

import functools
import itertools
import os
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.urls import is_object_url
from seedvr_cli.values.words import nearest

# What a template may have, and what each stands for; help shows them.
FIELDS: Mapping[str, str] = {
    "stem": "the source's file name without its ending",
    "ext": "the ending of the bytes that came, with its dot",
    "name": "the source's file name",
    "request_id": "the gateway's name of the job",
    "endpoint": "7b-image, 3b-image or 3b-video",
    "scale": "what --scale says",
    "target": "what --target says",
    "width": "what --width says",
    "height": "what --height says",
    "format": "what --format says",
    "seed": "what --seed says",
    "index": "the number of the source in the run, from 1; {index:05} fills it with zeros",
    "date": "the day of the submission (UTC), as 2026-11-01",
    "dir": "the folder of a local source, below the one that was named",
    "key": "what --key says",
    "tag": "what --tag says; several are joined by -",
}
# Fields that stand for a parameter: their body key.
_PARAMETER_FIELDS = {
    "scale": "upscale_factor",
    "target": "target_resolution",
    "width": "res_w",
    "height": "res_h",
    "format": "output_format",
    "seed": "seed",
}
# Bytes of a name's part that comes from outside: file systems end at 255, and `-2x.png.part` wants its room.
LONGEST_PART = 150

# What is in no name on some system, what is not seen, and what turns text around.
_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f'
    r"\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff\ud800-\udc7f\udd00-\udfff]"
)
# Bytes that are no text, as Python reads them in names of files: an object's name is Unicode.
_BYTES = re.compile(r"[\udc80-\udcff]")
# A URL whose last part is a safe name as it stands: most are, and a list may have a million of them.
_SIMPLE_NAME = re.compile(r"https://[^/?#]+/(?:[^?#]*/)?([A-Za-z0-9][A-Za-z0-9_-]{4,80}\.[A-Za-z0-9]{1,5})(?:[?#]|\Z)")
_WINDOWS_DEVICES = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\..*)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go: a file name, a template, or standard output. `text` is what the user wrote (None: default)."""

    kind: Literal["file", "template", "stdout"]
    template: str
    text: str | None = None

    @property
    def absolute(self) -> str | None:
        """The same for a later command in another folder; None where the default was meant."""
        if self.text is None or self.kind == "stdout":
            return None
        if self.is_object:
            return self.template
        if os.path.isabs(self.template):
            return os.path.normpath(self.template)
        return os.path.normpath(os.path.join(_literal(working_folder()), self.template))

    @property
    def is_object(self) -> bool:
        """Whether results go into an object store."""
        return self.kind != "stdout" and is_object_url(self.template)

    def uses(self, field: str) -> bool:
        """Whether names are made with that field."""
        return self.kind == "template" and any(field == used for _, used, _ in _pieces(self.template))

    @property
    def folder(self) -> str:
        """The folder of all results, as far as it is known before there are any."""
        if self.kind == "file":
            return os.path.dirname(self.template)
        known = ""
        for literal, field, _ in _pieces(self.template):
            known += literal
            if field is not None:
                break
        return os.path.dirname(known)


def working_folder() -> str:
    """The current folder; UsageError where it was deleted meanwhile."""
    try:
        return os.getcwd()
    except OSError as error:
        raise UsageError("the current folder is gone", hint="give -o an absolute path, or change the folder") from error


def absolute(path: str) -> str:
    """The path from the root on; UsageError where the current folder, which it begins in, was deleted meanwhile."""
    return os.path.normpath(path if os.path.isabs(path) else os.path.join(working_folder(), path))


def parse_output(text: str | None, params: Mapping[str, Any], *, is_tree: bool = False) -> Output:
    """What -o means for a job with these parameters; UsageError for an unknown or an unset template field.

    `is_tree`: a folder keeps the sources' own folders.
    """
    name = ("{dir}/" if is_tree else "") + default_template(params)
    if text is None:
        return Output("template", name)
    if text == "-":
        return Output("stdout", name, text)
    if text == "":
        raise UsageError("-o: the name is empty")
    is_bucket = is_object_url(text) and "/" not in text.partition("://")[2]
    if text.endswith(("/", os.sep)) or is_bucket or os.path.isdir(text):
        template = os.path.join(_literal(text) if os.path.isdir(text) else text, name)
    elif "{" in text or "}" in text:
        template = text
    else:
        return Output("file", text, text)
    _check_template(template, params)
    return Output("template", template, text)


def check_output(text: str) -> None:
    """UsageError where -o can be meant for no job, whatever its parameters."""
    parse_output(text, dict.fromkeys(_PARAMETER_FIELDS.values(), ""))


def _literal(text: str) -> str:
    """The template that stands for the text as it is."""
    return text.replace("{", "{{").replace("}", "}}")


def default_template(params: Mapping[str, Any]) -> str:
    """The name after the size that was asked for."""
    width, height = params.get("res_w"), params.get("res_h")
    if width and height:
        return "{stem}-{width}x{height}{ext}"
    if width or height:
        return "{stem}-{width}w{ext}" if width else "{stem}-{height}h{ext}"
    if params.get("target_resolution"):
        return "{stem}-{target}{ext}"
    return "{stem}-{scale}x{ext}" if params.get("upscale_factor") else "{stem}-upscaled{ext}"


def render_name(  # noqa: PLR0913 - a name may be made of all of them
    output: Output,
    *,
    name: str,
    ext: str,
    params: Mapping[str, Any],
    endpoint: str,
    request_id: str,
    index: int,
    submitted_at: datetime | None,
    key: str | None = None,
    tags: Sequence[str] = (),
) -> str:
    """The path of a result, before numbers. `ext` is that of the bytes, with its dot.

    `name` is the source's file name, behind the folders that it lies in below the one that was named.
    """
    if output.kind == "file":
        return output.template
    folder, _, name = name.rpartition("/")
    values: dict[str, Callable[[], str]] = {  # each is made only where the template has it
        "stem": lambda: os.path.splitext(name)[0] or name,
        "ext": lambda: ext,
        "name": lambda: name,
        "request_id": lambda: safe_name(request_id),
        "endpoint": lambda: endpoint,
        "key": lambda: safe_name(key or "", fallback=""),
        "tag": lambda: safe_name("-".join(tags), fallback=""),
        "date": lambda: f"{submitted_at:%Y-%m-%d}" if submitted_at else "",
        "dir": lambda: "/".join(safe_name(part) for part in folder.split("/")) if folder else "",
    }
    parts: list[str] = []
    is_after_nothing = False
    for literal, field, width in _pieces(output.template):
        # No folder, no slash behind it.
        parts.append(literal.removeprefix("/") if is_after_nothing else literal)
        is_after_nothing = field == "dir" and not folder
        if field == "index":
            parts.append(format(index, width))
        elif field in values:
            parts.append(values[field]())
        elif field is not None:
            parts.append(safe_name(f"{params.get(_PARAMETER_FIELDS[field], '')}", fallback=""))
    path = "".join(parts)
    return _BYTES.sub("_", path) if output.is_object else path


@functools.lru_cache(maxsize=256)
def _pieces(template: str) -> tuple[tuple[str, str | None, str], ...]:
    """A template taken apart: text, the field after it, the field's width."""
    return tuple((literal, field, form or "") for literal, field, form, _ in string.Formatter().parse(template))


class Names:
    """The names that items in flight mean to use, so that the first of two equal ones gets the plain name."""

    def __init__(self) -> None:
        self._held: dict[str, set[int]] = {}

    def hold(self, base: str) -> int:
        """The lowest number that no other item in flight holds for this base."""
        numbers = self._held.setdefault(base, set())
        number = next(candidate for candidate in itertools.count(1) if candidate not in numbers)
        numbers.add(number)
        return number

    def others(self, base: str, number: int) -> frozenset[int]:
        """The numbers that other items hold."""
        return frozenset(self._held.get(base, ())) - {number}

    def release(self, base: str, number: int) -> None:
        """Let go of a number."""
        numbers = self._held[base]
        numbers.discard(number)
        if not numbers:
            del self._held[base]


def source_name(url: str, fallback: str) -> str:
    """The file name in a URL, made safe."""
    if simple := _SIMPLE_NAME.match(url):
        return simple[1]
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    return safe_name(unquote(path.rstrip("/").rpartition("/")[2]), fallback=fallback)


def safe_name(text: str, *, fallback: str = "_") -> str:
    """A single path part that is legal everywhere, hides nothing and leads nowhere else."""
    name = _UNSAFE.sub("_", text).strip(". ")
    if _WINDOWS_DEVICES.fullmatch(name):
        name = f"_{name}"
    stem, ext = os.path.splitext(name)
    if len(ext.encode("utf-8", "surrogateescape")) > 16:
        stem, ext = name, ""
    room = LONGEST_PART - len(ext.encode("utf-8", "surrogateescape"))
    stem = stem[:room]
    while len(stem.encode("utf-8", "surrogateescape")) > room:
        stem = stem[:-1]
    return (stem + ext).rstrip(". ") or fallback


def numbered(path: str, number: int) -> str:
    """The path itself for 1, `NAME-2.ext` for 2, and so on."""
    if number == 1:
        return path
    stem, ext = os.path.splitext(path)
    return f"{stem}-{number}{ext}"


def number_of(path: str, base: str) -> int | None:
    """Which number makes `path` of `base`, or None where none does."""
    if path == base:
        return 1
    stem, ext = os.path.splitext(base)
    if not path.startswith(stem + "-") or not path.endswith(ext):
        return None
    digits = path[len(stem) + 1 : len(path) - len(ext)]
    return (
        int(digits) if digits.isascii() and digits.isdigit() and not digits.startswith("0") and digits != "1" else None
    )


def accepts(path: str, base: str) -> bool:
    """Whether a recorded path is what `base` asks for: the name itself, or a numbered one."""
    return number_of(path, base) is not None


def _check_template(template: str, params: Mapping[str, Any]) -> None:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f"-o {template!r}: {error}; write {{{{ for a brace") from error
    for _, field, form, conversion in parts:
        if field is None:
            continue
        if field not in FIELDS or conversion:
            raise UsageError(f"-o: {{{field}}} is not a field of a template{nearest(field, FIELDS)};"
                             f" there are {', '.join(FIELDS)}")  # fmt: skip
        if form and not (field == "index" and re.fullmatch(r"0?[1-9]", form)):
            raise UsageError(f"-o: {{{field}:{form}}}: only {{index:05}} takes a width")
        wire = _PARAMETER_FIELDS.get(field)
        if wire and wire not in params:
            raise UsageError(f"-o: {{{field}}} is empty, as --{field} is not given")
