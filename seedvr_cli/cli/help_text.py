"""What --help prints: a command's face as text, as wide as the terminal up to 100 columns."""

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from textwrap import wrap
from typing import Any, TextIO

from seedvr_cli.cli.groups import OWN
from seedvr_cli.cli.surface import Face, Flag, describe
from seedvr_cli.cli.topics import TOPICS, Topic, Verbatim
from seedvr_cli.render.colour import BOLD, CYAN, DIM, paint, wants_colour

WIDEST, NARROWEST = 100, 30
# Columns of what stands on the left; what is longer stands on a line of its own.
LEFT = 30
# A note of no more characters stays on one line.
WHOLE = 32
# A space that keeps a line together while text is wrapped.
GLUE = "\xa0"
# Columns that what stands on the right needs; where there are fewer it stands below.
RIGHT = 26
# What sections are called that have no heading of their own.
EXAMPLES, ARGUMENTS = "Examples", "Arguments"

# A row: the left side in pieces, each with its style, and the right side.
Pieces = Sequence[tuple[str, str | None]]
Row = tuple[Pieces, str]


def help_of(context: Any) -> str:
    """In place of Click's own: for standard output, on which it is printed next."""
    context.color = wants_colour()  # else Click takes the colours out where they were asked for by FORCE_COLOR
    return help_text(context)


def help_text(context: Any, stream: TextIO | None = None) -> str:
    """The help of the command of a Click context, for that stream."""
    name = context.command_path.partition(" ")[2]
    return write(describe(context.command, name), columns(), colour=wants_colour(stream))


def columns() -> int:
    """How wide text may be."""
    return max(NARROWEST, min(shutil.get_terminal_size().columns, WIDEST))


def write(face: Face, width: int, *, colour: bool) -> str:
    """The help of a command in lines of at most `width` columns, words and flags permitting."""
    style = paint if colour else _plain
    lines = _fill(f"{style('Usage:', BOLD)} {face.usage}", width + (len(style("", BOLD)) if colour else 0), "  ")
    summary, *more = _paragraphs(face)
    section = partial(_section, width=width, style=style)
    lines += ["", *_fill(summary, width, "  ", "  ")]
    lines += section(EXAMPLES, [(((one.line, CYAN),), one.meaning) for one in face.examples], stacked=True)
    if more:
        lines.append("")
    for number, text in enumerate(more):
        lines += [*([""] if number else []), *_fill(text, width, "  ", "  ")]
    lines += section(ARGUMENTS, [(((one.name, CYAN),), _about(one.help, one)) for one in face.arguments])
    for heading, rows in _command_rows(face):
        lines += section(heading, rows)
    for heading, words in face.words.items():
        lines += section(heading, [(((word, CYAN),), meaning) for word, meaning in words.items()])
    groups = [(heading, [_flag_row(flag) for flag in flags]) for heading, flags in face.groups()] or [(OWN, [])]
    groups[-1][1].append(((("-h", CYAN), (", ", None), ("--help", CYAN)), "Show this help."))
    for heading, rows in groups:
        lines += section(heading, rows)
    if not face.name:
        lines += ["", *_fill("'seedvr help COMMAND' shows a command, 'seedvr help TOPIC' one of these: "
                             + ", ".join(TOPICS) + ".", width)]  # fmt: skip
    return "\n".join(lines)


def write_topic(topic: Topic, width: int, *, colour: bool) -> str:
    """A page of `seedvr help` in lines of at most so many columns; what is verbatim stands as it is."""
    style = paint if colour else _plain
    lines: list[str] = []
    for block in topic.blocks():
        if isinstance(block, str):
            lines += ["", *_fill(block, width)]
        elif isinstance(block, Verbatim):
            is_page = not lines  # and no example in one
            lines += ["", *(line if is_page or not line else f"  {line}" for line in block.lines)]
        else:
            lines += _section(block.heading, [(((word, CYAN),), said) for word, said in block.rows], width, style)
    return "\n".join(lines[1:])


def _plain(text: str, _: str) -> str:
    return text


def _paragraphs(face: Face) -> list[str]:
    """The summary, and what follows it."""
    first, *others = face.text
    rest = first.removeprefix(face.summary).strip()
    return [face.summary, *([rest] if rest else []), *others]


def _command_rows(face: Face) -> Iterator[tuple[str, list[Row]]]:
    """The commands below this one, by section."""
    if not face.name:
        for section in dict.fromkeys(one.section for one in face.commands):
            yield section, [_command_row(one) for one in face.commands if one.section == section]
    elif face.commands:
        yield "Commands", [_command_row(one) for one in face.commands]


def _command_row(face: Face) -> Row:
    return ((face.name.split(" ")[-1], CYAN),), face.summary


def _flag_row(flag: Flag) -> Row:
    indent = "" if flag.short else "    "
    short = [(flag.short, CYAN), (", ", None)] if flag.short else [(indent, None)]
    metavar = [(f" {flag.metavar}", None)] if flag.metavar else []
    return (*short, (flag.name, CYAN), *metavar), _about(flag.help, flag)


def _about(text: str, what: Any) -> str:
    """The help, and what the table adds to it."""
    notes = []
    if getattr(what, "default", None):
        notes.append(f"default: {what.default}")
    if getattr(what, "negative", None):
        notes.append(f"off: {what.negative}")
    if getattr(what, "environment", None):
        notes.append(f"or {what.environment}")
    note = f"[{'; '.join(notes)}]" if notes else ""
    return f"{text} {note.replace(' ', GLUE) if len(note) <= WHOLE else note}".rstrip()


def _section(heading: str, rows: list[Row], width: int, style: Any, *, stacked: bool = False) -> list[str]:
    return ["", style(f"{heading}:", BOLD), *_rows(rows, width, style, stacked=stacked)] if rows else []


def _rows(rows: list[Row], width: int, style: Any, *, stacked: bool = False) -> list[str]:
    """Two columns, or, where there is no room for them, what is said below what it is said of."""
    lines: list[str] = []
    lengths = [sum(len(text) for text, _ in pieces) for pieces, _ in rows]
    longest = max((length for length in lengths if length <= LEFT), default=0)
    if stacked:
        longest = max(lengths)
        stacked = longest + 4 + max(len(right) for _, right in rows) > width
    stacked = stacked or width - longest - 4 < RIGHT
    margin = 8 if stacked else 2 + longest + 2
    for (pieces, right), length in zip(rows, lengths, strict=True):
        left = "  " + "".join(style(text, code) if code else text for text, code in pieces)
        said = wrap(right, max(width - margin, 16), break_on_hyphens=False, break_long_words=False)
        said = _dimmed([line.replace(GLUE, " ") for line in said], style)
        if said and not stacked and length <= longest:
            lines.append(left + " " * (longest - length + 2) + said.pop(0))
        else:
            lines.append(left)
        lines += [" " * margin + line for line in said]
    return lines


def _dimmed(lines: list[str], style: Any) -> list[str]:
    """With what the table adds in brackets at their end less bright."""
    begin = next((number for number in reversed(range(len(lines))) if "[" in lines[number]), None)
    if begin is None or not lines[-1].endswith("]"):
        return lines
    before, _, after = lines[begin].rpartition("[")
    return [*lines[:begin], before + style(f"[{after}", DIM), *(style(line, DIM) for line in lines[begin + 1 :])]


def _fill(text: str, width: int, indent: str = "", first: str = "") -> list[str]:
    return wrap(text, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False,
                break_long_words=False)  # fmt: skip
