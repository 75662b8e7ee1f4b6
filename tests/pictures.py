"""`python tests/pictures.py` records the README's picture of a terminal: three pictures, really run in the sandbox."""

import re
import sys
import tempfile
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

import pyte
from helpers.command import clean_environment
from helpers.places import DATA
from helpers.screen import SEEDVR, Screen
from PIL import Image
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

PICTURE = DATA / "terminal.svg"
# Runs until two pictures are caught in different states.
ATTEMPTS = 20
COLUMNS, ROWS = 84, 16
COMMAND = "seedvr image cafe/*.jpg -x 4 -j 2 --sandbox"
# The part of the photo that each source shows, and its width: the larger, the longer it takes.
SOURCES = {
    "counter.jpg": ((0, 0, 480, 320), 240),
    "cup.jpg": ((120, 40, 420, 240), 1200),
    "spoon.jpg": ((0, 120, 300, 320), 500),
}
# Whatever looks like a terminal's font on the reader's machine; nothing is fetched.
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
THEME = TerminalTheme(
    (24, 26, 31),
    (215, 218, 224),
    [(24, 26, 31), (240, 98, 98), (126, 200, 120), (229, 192, 90), (97, 160, 240), (200, 120, 221), (86, 190, 210),
     (215, 218, 224)],
)  # fmt: skip


def main() -> None:
    """Record, and write the picture."""
    for _ in range(ATTEMPTS):
        with tempfile.TemporaryDirectory() as folder:
            raw = record(Path(folder))
        if raw:
            break
    else:
        sys.exit(f"no good moment in {ATTEMPTS} runs")
    PICTURE.write_text(as_svg(raw), encoding="utf-8")
    print(f"{PICTURE}: {PICTURE.stat().st_size} bytes")


def record(folder: Path) -> bytes | None:
    """All that reached the terminal until a moment when one picture is done and two are not, and differ."""
    work, home, programs = folder / "work", folder / "home", folder / "bin"
    for made in (work / "cafe", home, programs):
        made.mkdir(parents=True)
    for name, (part, width) in SOURCES.items():
        with Image.open(DATA / "photo.jpg") as photo:
            cut = photo.crop(part)
            cut.resize((width, width * cut.height // cut.width)).save(work / "cafe" / name)
    command = programs / "seedvr"
    command.write_text(f'#!/bin/sh\nexec {" ".join(SEEDVR)} "$@"\n')
    command.chmod(0o755)
    environment = clean_environment(home, {"PS1": "$ ", "LC_ALL": "C.UTF-8"})
    environment["PATH"] = f"{programs}:{environment['PATH']}"
    with Screen(
        ["bash", "--norc", "--noprofile", "-i"], env=environment, cwd=work, columns=COLUMNS, rows=ROWS
    ) as screen:  # fmt: skip
        screen.wait_for(r"^\$")
        screen.press("bind 'set enable-bracketed-paste off'\r")
        # From here on the ledger knows how long a picture takes.
        screen.press("seedvr image cafe/counter.jpg -x 3 -q -o before/ --sandbox; echo \\#\r")
        screen.wait_for("^#$", r"^\$\Z")
        screen.press("clear\r")
        screen.wait_for(r"\A\$\Z")
        begun = len(screen.raw)
        screen.press(f"{COMMAND}\r")
        while True:
            screen.read()
            states = Counter(re.findall(r"^[⠋-⠿] .*(QUEUED|PROCESSING|downloading) ", screen.text, re.MULTILINE))
            if "counter-4x.png\n" in screen.text and len(states) == 2 and screen.text.count(" of ~") == 2:
                return bytes(screen.raw[begun:])
            if re.search(r"^seedvr: 3 done", screen.text, re.MULTILINE):
                return None


def as_svg(raw: bytes) -> str:
    """The screen after these bytes, drawn by Rich."""
    screen = pyte.Screen(COLUMNS, ROWS)
    # pyte has no faint letters: italic ones, which nothing here has, stand for them.
    pyte.ByteStream(screen).feed(b"$ " + re.sub(rb"\x1b\[2(?=[;m])", b"\x1b[3", raw))
    console = Console(record=True, width=COLUMNS, file=open("/dev/null", "w"), force_terminal=True)  # noqa: SIM115
    for number in range(max(y for y, line in enumerate(screen.display) if line.strip()) + 1):
        console.print(_line(screen, number), no_wrap=True, overflow="crop")
    form = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = form.replace("Fira Code, monospace", FONTS).replace("font-family: arial", "font-family: sans-serif")
    svg = console.export_svg(title="seedvr", theme=THEME, code_format=form, unique_id="seedvr")
    return re.sub(r"[ \t]+$|\n(?=\n)", "", svg, flags=re.MULTILINE).strip() + "\n"


def _line(screen: pyte.Screen, number: int) -> Text:
    text = Text()
    cells = [screen.buffer[number][column] for column in range(COLUMNS)]
    for style, alike in groupby(cells, _style):
        text.append("".join(cell.data for cell in alike), style)
    text.rstrip()
    return text


def _style(cell: Any) -> str:
    colour = {"default": "", "brown": "yellow"}.get(cell.fg, cell.fg)
    return " ".join(filter(None, [colour, "dim" if cell.italics else ""]))


if __name__ == "__main__":
    main()
