"""Manual pages: a command's face as roff, by the macros of man(7). They are made where the wheel is built."""

from collections.abc import Iterator
from textwrap import wrap

from seedvr_cli import __version__
from seedvr_cli.cli.surface import Face, Flag, describe_all
from seedvr_cli.values.environment import OWN_VARIABLES
from seedvr_cli.values.errors import EXIT_CODES

# What roff would take for something else, the backslash first.
ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}
# Characters of a line of roff's text.
LINE = 78


def pages(date: str) -> Iterator[tuple[str, str]]:
    """The file name and the text of each page: of `seedvr`, and of each command. The date is 2026-11-29."""
    for face in describe_all().walk():
        yield f"{_name(face)}.1", page(face, date)


def page(face: Face, date: str) -> str:
    """A command's manual."""
    lines = [f'.TH {_name(face).upper()} 1 "{date}" "seedvr {__version__}" "seedvr"']
    lines += [".SH NAME", *_text(f"{_name(face)} - {face.summary.removesuffix('.')}")]
    lines += [".SH SYNOPSIS", f".B {_escaped(face.title)}", *_text(face.usage.removeprefix(face.title).strip())]
    lines += [".SH DESCRIPTION"]
    for number, text in enumerate(face.text):
        lines += [*([".PP"] if number else []), *_text(text)]
    lines += _list("COMMANDS", [(f".BR {_name(below)} (1)", below.summary) for below in face.commands])
    lines += _list("ARGUMENTS", [(f".I {_escaped(one.name)}", one.help) for one in face.arguments])
    lines += [".SH OPTIONS"] if face.flags else []
    for heading, flags in face.groups():
        lines += _list(heading, [(_flag(flag), _about(flag)) for flag in flags], level=".SS")
    for heading, words in face.words.items():
        lines += _list(heading.upper(), [(f".B {_escaped(word)}", meaning) for word, meaning in words.items()])
    examples = [(f".B {_escaped(one.line)}", f"{_capital(one.meaning)}.") for one in face.examples]
    lines += _list("EXAMPLES", examples)
    codes = [(f".B {code}", f"{_capital(meaning)}. Next: {then}.") for code, (meaning, then) in EXIT_CODES.items()]
    lines += _list("EXIT STATUS", codes)
    lines += _list("ENVIRONMENT", [(f".B {name}", meaning) for name, meaning in OWN_VARIABLES.items()])
    lines += [".SH SEE ALSO", *_see_also(face)]
    return "\n".join(lines) + "\n"


def _list(heading: str, rows: list[tuple[str, str]], level: str = ".SH") -> list[str]:
    """A section of words, each with what is said of it."""
    lines = [f"{level} {_escaped(heading)}"] if rows else []
    for word, said in rows:
        lines += [".TP", word, *_text(said)]
    return lines


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _name(face: Face) -> str:
    return face.title.replace(" ", "-")


def _flag(flag: Flag) -> str:
    """`-x, --scale N`, what is typed in bold and what it stands for slanted."""
    words = [rf"\fB{_escaped(flag.short)}\fR"] if flag.short else []
    words += [rf"\fB{_escaped(name)}\fR" for name in (flag.name, flag.negative) if name]
    return ", ".join(words) + (rf" \fI{_escaped(flag.metavar)}\fR" if flag.metavar else "")


def _about(flag: Flag) -> str:
    default = f" The default is {flag.default}." if flag.default else ""
    return flag.help + default + (f" Also by {flag.environment}." if flag.environment else "")


def _see_also(face: Face) -> list[str]:
    """The page above, and those below; 'seedvr help' for the rest."""
    above, _, _ = _name(face).rpartition("-")
    names = [*([above] if above else []), *map(_name, face.commands)]
    return [*(f".BR {name} (1)," for name in names), ".B seedvr help"]


def _text(text: str) -> list[str]:
    """Lines of text for roff, none of which is a macro."""
    lines = wrap(_escaped(text), LINE, break_long_words=False, break_on_hyphens=False)
    return [f"\\&{line}" if line.startswith(".") else line for line in lines]


def _escaped(text: str) -> str:
    """Characters as they are: a minus, a quote or a tilde that can be copied."""
    for character, escape in ESCAPES.items():
        text = text.replace(character, escape)
    return text
