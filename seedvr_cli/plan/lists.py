"""Lists of sources: plain lines, JSON Lines or CSV, gzip too, streamed. A line is known by its file and number."""

import codecs
import csv
import gzip
import io
import itertools
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Literal

from seedvr_cli.values.errors import NetworkError, UsageError
from seedvr_cli.values.urls import is_object_url

Form = Literal["lines", "jsonl", "csv"]

SOURCE_KEY = "source"
# Keys that --failed-file adds, and a list may therefore have.
IGNORED_KEYS = frozenset({"error"})
# What comes of reading what is no text, or not all of it.
UNREADABLE = (OSError, EOFError, zlib.error, UnicodeError)
_GZIP_MAGIC = b"\x1f\x8b"
_NO_OPTIONS: Mapping[str, Any] = {}


@dataclass(slots=True)
class Entry:
    """One item of a list: `number` of its line, its own options, and `problem` where the line cannot be read.

    `raw` is the line itself, for --failed-file.
    """

    number: int
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    raw: str = ""
    problem: str | None = None


@dataclass(slots=True)
class List:
    """An open list. `name` is its file, `-` for standard input; `header` the first line of a CSV."""

    name: str
    form: Form
    header: str
    entries: Iterator[Entry]


@contextmanager
def open_list(path: str) -> Iterator[List]:
    """Open a list; UsageError where it cannot be opened, or is CSV without a column `source`."""
    try:
        binary = _open(path)
    except OSError as error:
        raise UsageError(f"--from {path}: {error.strerror or error}") from error
    try:
        text = text_of(binary)
        yield _recognise(path, text)
    except UNREADABLE as error:
        if is_object_url(path) and isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
            hint = "the same command again reads on; what is paid for is in the ledger"
            raise NetworkError(f"--from {path}: {error}", hint=hint) from error
        raise UsageError(f"--from {path}: {error}") from error
    finally:
        binary.close()


def text_of(binary: IO[bytes]) -> IO[str]:
    """What people write into files: UTF-8 or, with a BOM, UTF-16, gzip too. Raises UNREADABLE, reading it as well."""
    buffered = binary if isinstance(binary, io.BufferedReader) else io.BufferedReader(binary)  # type: ignore[type-var]
    if buffered.peek(2)[:2] == _GZIP_MAGIC:
        buffered = gzip.GzipFile(fileobj=buffered)  # type: ignore[assignment]
    is_utf_16 = buffered.peek(2)[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}  # as PowerShell and Excel write
    encoding = "utf-16" if is_utf_16 else "utf-8-sig"
    return io.TextIOWrapper(buffered, encoding=encoding, errors="surrogateescape", newline="")


def _open(path: str) -> IO[bytes]:
    if is_object_url(path):
        from seedvr_cli.objects.opening import split_url
        from seedvr_cli.objects.store import ObjectStore
        from seedvr_cli.objects.trouble import StoreError

        root, name = split_url(path)
        try:
            return ObjectStore(root).read(name)
        except StoreError as error:
            raise OSError(str(error)) from error
    return open(os.dup(0) if path == "-" else path, "rb")


def _recognise(path: str, text: IO[str]) -> List:
    """The list's form is told by its first line that says something."""
    number, first, skipped = 0, "", []
    for first in text:
        number += 1
        if first.strip() and not first.lstrip().startswith("#"):
            break
        skipped.append(first)
    else:
        first = ""
    columns = _columns(first)
    if _is_headless(path, first.strip()) and SOURCE_KEY not in columns:
        raise UsageError(
            f"--from {path}: its header {first.strip()!r} has no column {SOURCE_KEY!r}",
            hint="name the column of sources so, with commas between the columns",
        )
    if first.lstrip().startswith("{"):
        return List(path, "jsonl", "", _json_entries(itertools.chain([first], text), number))
    if SOURCE_KEY in columns and not first.strip().startswith(("http:", "https:")):
        return List(path, "csv", first.rstrip("\r\n"), _csv_entries(text, columns, number))
    return List(path, "lines", "", _line_entries(itertools.chain([first], text), number))


def _is_headless(path: str, first: str) -> bool:
    """Whether a CSV by its name begins with what is no source and no JSON either: it can only be a header."""
    named = path.lower().removesuffix(".gz").endswith(".csv")
    return named and bool(first) and first[0] != "{" and "://" not in first and not os.path.exists(first)


def _columns(line: str) -> list[str]:
    """The names in a CSV's header; none where the line is no header at all."""
    try:
        return [column.strip().lower().lstrip("\ufeff") for column in next(csv.reader([line]), [])]
    except csv.Error:
        return []


def _line_entries(lines: Iterator[str], number: int) -> Iterator[Entry]:
    for count, line in enumerate(lines, start=number):
        word = line.strip()
        if word and word[0] != "#":
            yield Entry(count, word, _NO_OPTIONS, word)


def _json_entries(lines: Iterator[str], number: int) -> Iterator[Entry]:
    for count, line in enumerate(lines, start=number):
        raw = line.strip()
        if not raw or raw[0] == "#":
            continue
        try:
            value = json.loads(raw)
        except ValueError as error:
            yield Entry(count, "", _NO_OPTIONS, raw, f"no JSON: {error}")
            continue
        if not isinstance(value, dict) or not isinstance(value.get(SOURCE_KEY), str) or not value[SOURCE_KEY]:
            yield Entry(count, "", _NO_OPTIONS, raw, 'no object with a "source"')
            continue
        source = value.pop(SOURCE_KEY)
        options = {key: own for key, own in value.items() if own is not None and key not in IGNORED_KEYS}
        yield Entry(count, source, options, raw)


def _csv_entries(text: IO[str], columns: list[str], number: int) -> Iterator[Entry]:
    kept: list[str] = []

    def keep() -> Iterator[str]:
        for line in text:
            kept.append(line)
            yield line

    reader = csv.reader(keep(), strict=True)  # or a quote that has no end would be part of a source
    while True:
        first = number + reader.line_num + 1
        kept.clear()
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Entry(first, "", _NO_OPTIONS, "".join(kept).rstrip("\r\n"), f"no CSV: {error}")
            continue
        if row is None:
            return
        raw = "".join(kept).rstrip("\r\n")
        if not any(cell.strip() for cell in row) or raw.startswith("#"):
            continue
        cells = {column: cell.strip() for column, cell in zip(columns, row, strict=False) if cell.strip()}
        source = cells.pop(SOURCE_KEY, "")
        problem = None if source else "the column source is empty"
        if len(row) > len(columns):
            problem = f"{len(row)} cells under {len(columns)} columns"
        options = {key: own for key, own in cells.items() if key and key not in IGNORED_KEYS}
        yield Entry(first, source, options, raw, problem)
