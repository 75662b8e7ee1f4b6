"""Settings and profiles as text: columns on a terminal, tabs in a pipe, or one JSON object."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from seedvr_cli.render import machine
from seedvr_cli.render.results import write_line
from seedvr_cli.render.talk import clean
from seedvr_cli.values.setting import Setting

if TYPE_CHECKING:
    from rich.text import Text

HEAD = ("NAME", "VALUE", "DEFAULT", "SOURCE", "MEANING")
# Columns between two cells; those that a value or a default takes at most, with a sentence beside it, and at least;
# those that a sentence needs beside them; and those of all the rest.
GAP = 2
WIDEST = 28
FAIR = 16
NARROWEST = 8
ENOUGH = 44
NAMES = 42
INDENT = "    "


def show(value: object) -> str:
    """A stored value as it would be typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def settings_object(rows: Iterable[Setting]) -> dict[str, Any]:
    """The object of `config list --all --json`."""
    return {"v": machine.VERSION, "settings": [asdict(row) for row in rows]}


def print_settings(rows: Sequence[Setting]) -> None:
    """A pipe gets a line a setting, its columns parted by tabs, and the source in full."""
    if sys.stdout.isatty():
        from seedvr_cli.render.console import console

        out = console()
        for line in table(rows, shutil.get_terminal_size().columns):
            out.print(line, soft_wrap=True)
        return
    for row in rows:
        cells = (row.name, _shown(row.value), _shown(row.default), row.told, row.meaning)
        write_line("\t".join(map(clean, cells)))


def print_profiles(names: Sequence[str], chosen: str) -> None:
    """One a line; the one that is in use has a star before it on a terminal, and says so behind a tab in a pipe."""
    for name in names:
        if sys.stdout.isatty():
            write_line(f"{'*' if name == chosen else ' '} {name}")
        else:
            write_line(f"{clean(name)}\tin use" if name == chosen else clean(name))


def table(rows: Sequence[Setting], width: int) -> "Iterator[Text]":
    """A head and the settings, no line wider than that; what nobody has set is dim.

    A sentence is the last column where there is room for it, and else stands below; on a narrow terminal so does all
    that is not the value.
    """
    from rich.cells import cell_len
    from rich.text import Text

    room = width - NAMES - ENOUGH if width - NAMES - ENOUGH >= 2 * FAIR else width - NAMES
    most = max(NARROWEST, min(WIDEST, room // 2))
    cells = [HEAD[:4], *map(_cells, rows)]
    cells = [(name, _cut(value, most), _cut(default, most), source) for name, value, default, source in cells]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    left = sum(widths) + GAP * len(widths)
    styles = ["bold", *("dim" if row.source == "default" else "" for row in rows)]
    sentences = [HEAD[4], *(row.meaning for row in rows)]
    for line, style, sentence in zip(cells, styles, sentences, strict=True):
        below = sentence
        if left - GAP > width:
            name, value, default, source = line
            text = _cut(f"{name} = {value}", width)
            if source != "default":
                below = f"{source}, default {default}: {sentence}" if default else f"{source}: {sentence}"
        else:
            padded = (cell + " " * (size - cell_len(cell) + GAP) for cell, size in zip(line, widths, strict=True))
            text = "".join(padded)
        if width - left >= ENOUGH:
            text += f"\n{' ' * left}".join(textwrap.wrap(sentence, width - left))
        elif style != "bold":
            text = "\n".join(
                [text.rstrip(), *textwrap.wrap(below, width, initial_indent=INDENT, subsequent_indent=INDENT)]
            )
        elif left - GAP > width:
            continue
        yield from (Text(part.rstrip(), style=style) for part in text.split("\n"))


def _cells(row: Setting) -> tuple[str, str, str, str]:
    source = row.where or row.source if row.source in {"environment", "flag"} else row.source
    return clean(row.name), clean(_shown(row.value)), clean(_shown(row.default)), clean(source)


def _shown(value: object) -> str:
    return "" if value is None else show(value)


def _cut(text: str, most: int) -> str:
    from rich.cells import cell_len, set_cell_size

    from seedvr_cli.render.columns import cut_mark

    return text if cell_len(text) <= most else set_cell_size(text, most - 1).rstrip() + cut_mark()
