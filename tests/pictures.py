"""`python tests/pictures.py` records the README's picture of a terminal: the real command, a scripted gateway.

Each job stays as the scene has it until the picture is taken: there is no moment to miss, however slow the machine is.
"""

import io
import re
import tempfile
import threading
from itertools import groupby
from pathlib import Path
from typing import Any

import pyte
from fakes.gateway import FakeGateway, Heard, Reply
from helpers.command import KEY, clean_environment
from helpers.examples import path_with_seedvr
from helpers.places import DATA
from helpers.screen import Screen
from PIL import Image
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

PICTURE = DATA / "terminal.svg"
COLUMNS, ROWS = 80, 16
COMMAND = "seedvr image cafe/*.jpg -x 4 -o big/ --max-cost 1"
# How each job stands, and how wide its source is.
SCENE = {
    "beans.jpg": ("COMPLETED", 320),
    "counter.jpg": ("COMPLETED", 480),
    "cup.jpg": ("downloading", 600),
    "light.jpg": ("PROCESSING", 300),
    "spoon.jpg": ("PROCESSING", 280),
    "window.jpg": ("QUEUED", 360),
}
SCALE = 4
# Seconds for each byte of the second half of what is being downloaded.
DRIP = 0.3
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
    with tempfile.TemporaryDirectory() as folder:
        raw = record(Path(folder))
    PICTURE.write_text(as_svg(raw), encoding="utf-8")
    print(f"{PICTURE}: {PICTURE.stat().st_size} bytes")


def record(folder: Path) -> bytes:
    """All that reaches the terminal until each job stands as in the scene. AssertionError where one never does."""
    work, home = folder / "work", folder / "home"
    for made in (work / "cafe", home / "config"):
        made.mkdir(parents=True)
    sources = {name: _photo(width) for name, (_, width) in SCENE.items()}
    for name, photo in sources.items():
        photo.save(work / "cafe" / name)
    upload = home / "upload"
    upload.write_text('#!/bin/sh\necho "https://example.com/${1##*/}"\n')
    upload.chmod(0o755)
    (home / "config" / "config.toml").write_text(
        f"[default]\nupload-command = '{upload} {{path}}'\npoll-interval = 1\n"
    )
    taken = threading.Event()
    gateway = FakeGateway(lambda heard: _answer(gateway, heard, sources, taken))
    environment = clean_environment(
        home, {"PS1": "$ ", "LC_ALL": "C.UTF-8", "SEEDVR_API_KEY": KEY, "SEEDVR_BASE_URL": gateway.url}
    )
    environment["PATH"] = path_with_seedvr(home)
    shell = ["bash", "--norc", "--noprofile", "-i"]
    try:
        with Screen(shell, env=environment, cwd=work, columns=COLUMNS, rows=ROWS) as screen:
            screen.wait_for(r"^\$")
            screen.press("bind 'set enable-bracketed-paste off'; clear\r")
            screen.wait_for(r"\A\$\Z")
            begun = len(screen.raw)
            screen.press(f"{COMMAND}\r")
            screen.wait_for(*(_line_of(name, state) for name, (state, _) in SCENE.items()))
            return bytes(screen.raw[begun:])
    finally:
        taken.set()
        gateway.close()


def _photo(width: int) -> Image.Image:
    """The photo of the tests in that width."""
    with Image.open(DATA / "photo.jpg") as photo:
        return photo.resize((width, width * photo.height // photo.width))


def _answer(
    gateway: FakeGateway, heard: Heard, sources: dict[str, Image.Image], taken: threading.Event
) -> Reply | None:
    """A job stands as in the scene; of what is being downloaded half comes, and the rest when the picture is taken."""
    if heard.method == "POST":
        return None
    if heard in gateway.polls():
        assert heard.source
        name = heard.source.rpartition("/")[2]
        state = SCENE[name][0].replace("downloading", "COMPLETED")
        output = {"media_url": [f"{gateway.url}/media/{name}"], "media_type": "image/png"}
        return gateway.view(heard, state, **({"output": output} if state == "COMPLETED" else {}))
    name = heard.path.rpartition("/")[2]
    large = sources[name].resize([SCALE * side for side in sources[name].size])
    file = io.BytesIO()
    large.save(file, "PNG")
    return Reply(200, file.getvalue(), held=taken if SCENE[name][0] == "downloading" else None, drip=DRIP)


def _line_of(name: str, state: str) -> str:
    """The pattern of a job's line on the screen."""
    if state == "COMPLETED":
        return rf"^✓ {name} .* big/{name.partition('.')[0]}-{SCALE}x\.png$"
    return rf"^[⠋-⠿] {name} .*{state} .*" + (r" of \d.*[━╸]" if state == "downloading" else "")


def as_svg(raw: bytes) -> str:
    """The screen after these bytes, drawn by Rich."""
    screen = pyte.Screen(COLUMNS, ROWS)
    # pyte has no faint letters: italic ones, which nothing here has, stand for them.
    pyte.ByteStream(screen).feed(b"$ " + re.sub(rb"\x1b\[2(?=[;m])", b"\x1b[3", raw))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
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
