"""Cards as one HTML page that needs nothing from anywhere, in pieces, so that one job at a time is in memory."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from statistics import median

from seedvr_cli import __version__
from seedvr_cli.report.card import Card, Summary
from seedvr_cli.report.card_html import STATES, card_text
from seedvr_cli.report.histogram import histogram
from seedvr_cli.report.text import fit
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.schedule import show_duration
from seedvr_cli.values.size import show_size

# By this a report of ours is known, in the first bytes of the file.
MARK = b'<meta name="generator" content="seedvr report">'
MARK_BYTES = 512


class Page:
    """The page's text: its beginning, each card, its end."""

    def __init__(self, summary: Summary) -> None:
        self._beginning, _, self._end = _part("page.html").partition("{{cards}}\n")
        self._count = 0
        style, script = _part("page.css"), _part("page.js")
        self._fields = {
            "policy": policy(style, script),
            "title": f"seedvr report, {_count(summary.jobs, 'job')}",
            "style": style,
            "script": script,
            "made": f"{summary.made_at:%d %B %Y, %H:%M} UTC · {fit(summary.gateway)}",
            "notes": "\n".join(f'<p class="notice">{fit(note)}</p>' for note in summary.notes),
            "tiles": _tiles(summary),
            "histogram": histogram(summary.seconds),
            "states": _states(summary),
            "footer": f"Made by seedvr {__version__}. Prices are list prices. Pictures are previews.",
        }

    def beginning(self) -> str:
        """All that comes before the first card."""
        return self._filled(self._beginning)

    def card(self, card: Card) -> str:
        """The next card."""
        self._count += 1
        return card_text(card, self._count)

    def end(self) -> str:
        """All that comes behind the last card."""
        return ("" if self._count else '<li class="none">No jobs.</li>\n') + self._filled(self._end)

    def _filled(self, template: str) -> str:
        """Each field once, and nothing within what was filled in."""
        return re.sub(r"\{\{(\w+)\}\}", lambda match: self._fields[match[1]], template)


def page(summary: Summary, cards: Iterable[Card]) -> Iterator[str]:
    """The whole of it in pieces."""
    made = Page(summary)
    yield made.beginning()
    yield from map(made.card, cards)
    yield made.end()


def policy(style: str, script: str) -> str:
    """The page's Content-Security-Policy: nothing from anywhere, and no style or script but these two."""
    return (
        f"default-src 'none'; img-src data: blob:; media-src data: blob:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )


@cache
def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _tiles(summary: Summary) -> str:
    counts = summary.counts
    maybe = f"and up to {show_usd(summary.maybe)} that may be charged" if summary.maybe else ""
    tiles = [("jobs", f"{summary.jobs:,}", "")]
    tiles += [(name, f"{counts.get(name, 0):,}", "") for name in ("done", "failed", "unknown")]
    if counts.get("running"):
        tiles.append(("running", f"{counts['running']:,}", ""))
    tiles += [("list price", show_usd(summary.listed), maybe), ("of results", _size(summary.bytes), "")]
    if summary.seconds:
        tiles.append(("median time", show_duration(median(summary.seconds)), ""))
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd>{_more(more)}</div>" for name, value, more in tiles)


def _size(size: int) -> str:
    """In three digits, which a tile has room for."""
    number, _, unit = show_size(size).partition(" ")
    return f"{float(number):.3g} {unit}" if float(number) < 1000 else f"{float(number):.0f} {unit}"


def _more(words: str) -> str:
    return f'<dd class="more">{words}</dd>' if words else ""


def _states(summary: Summary) -> str:
    choices = [("all", "All", summary.jobs)]
    choices += [(state, word, summary.counts[state]) for state, word in STATES.items() if state in summary.counts]
    return "".join(
        f'<label><input type="radio" name="state" value="{state}"{" checked" if state == "all" else ""}>'
        f"<span>{word} {count:,}</span></label>"
        for state, word, count in choices
    )
