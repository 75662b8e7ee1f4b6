"""Reports for tests: cards of plain colours, a page of them on disk, and the page in a real browser."""

import io
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from helpers.waiting import PATIENCE
from seedvr_cli.report.card import Card, Look, Region, Shot, Side, Summary
from seedvr_cli.report.page import page
from seedvr_cli.report.previews import shot

RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 160, 60), (30, 60, 200), (255, 255, 255)
BEGAN = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (300, 200)) -> Shot:
    """A small picture of one colour."""
    return shot(Image.new("RGB", size, colour), 10_000)


def seen(whole: tuple[int, int, int], detail: tuple[int, int, int], size: tuple[int, int] = (600, 400)) -> Look:
    """A file whose whole has one colour, and whose part at 1:1 has another."""
    return Look(*size, plain(whole), Region(0.25, 0.25, 0.5, 0.5, (300, 200)), plain(detail))


def card(name: str = "photo.jpg", **more: Any) -> Card:
    """A job that is done: red before, green after, and at 1:1 blue and white."""
    return Card(**{
        "name": name,
        "state": "done",
        "endpoint": "7b-image",
        "request_id": f"seedvr-{name}",
        "status": "COMPLETED",
        "params": {"upscale_factor": 2},
        "price": 1000,
        "charge": "listed",
        "started_at": BEGAN,
        "seconds": 12.0,
        "before": Side(f"https://example.com/{name}", 2000, seen(RED, BLUE, (300, 200))),
        "after": Side(f"{name}-2x.png", 8000, seen(GREEN, WHITE)),
        **more,
    })  # fmt: skip


def failed(name: str = "broken.jpg", **more: Any) -> Card:
    """A job that ended FAILED."""
    how = {"state": "failed", "status": "FAILED", "charge": "maybe", "error": "out of memory", "after": Side()}
    return card(name, **{**how, **more})


def summary(cards: Iterable[Card], **more: Any) -> Summary:
    """What stands above these cards."""
    made = list(cards)
    return Summary(**{
        "gateway": "https://gateway.example",
        "made_at": BEGAN,
        "jobs": len(made),
        "counts": Counter(one.state for one in made),
        "listed": sum(one.price or 0 for one in made if one.charge == "listed"),
        "maybe": sum(one.price or 0 for one in made if one.charge == "maybe"),
        "bytes": sum(one.after.bytes or 0 for one in made),
        "seconds": tuple(one.seconds for one in made if one.seconds is not None),
        **more,
    })  # fmt: skip


def text_of(*cards: Card, **more: Any) -> str:
    """The page of these cards."""
    return "".join(page(summary(cards, **more), cards))


def write(path: Path, *cards: Card) -> Path:
    """The page of these cards as a file."""
    path.write_text(text_of(*cards), encoding="utf-8", newline="\n")
    return path


@dataclass
class Opened:
    """A page in a browser, and what it did that no report does: requests to anywhere (and why not), errors."""

    tab: Tab
    requests: list[str] = field(default_factory=list)
    refused: dict[str, str | None] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def colour(self, x: float, y: float = 0.8, card: int = 0) -> tuple[int, int, int]:
        """The colour at a place of a card's stage, in shares of its width and height."""
        picture = Image.open(io.BytesIO(self.tab.locator(".card:not([hidden]) .stage").nth(card).screenshot()))
        pixel = picture.convert("RGB").getpixel((int(x * picture.width), int(y * picture.height)))
        assert isinstance(pixel, tuple)
        return pixel  # type: ignore[return-value]

    def wait_for_pictures(self) -> None:
        """Until the pictures in view are there."""
        self.until("document.querySelector('.card img[src]') !== null")
        self.until("[...document.querySelectorAll('img[src]')].every((one) => one.complete)")

    def until(self, expression: str) -> None:
        """Wait for it to become true. Playwright's own way would have the page evaluate text, which it refuses."""
        deadline = time.monotonic() + PATIENCE
        while not self.tab.evaluate(expression):
            assert time.monotonic() < deadline, f"{expression} does not become true"
            self.tab.wait_for_timeout(20)

    def names(self) -> list[str]:
        """The names of the cards that are shown, in their order."""
        return self.tab.locator(".card:not([hidden]) h3").all_inner_texts()


@contextmanager
def opened(chromium: str, path: Path, *, width: int = 1280, scheme: Any = "light") -> Iterator[Opened]:
    """The page in Chromium, with scripts, styles and pictures as a user has them."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        try:
            tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
            found = Opened(tab)
            tab.on("request", lambda request: found.requests.append(request.url))
            tab.on("requestfailed", lambda request: found.refused.update({request.url: request.failure}))
            tab.on("console", lambda message: found.errors.append(message.text))
            tab.on("pageerror", lambda error: found.errors.append(str(error)))
            tab.goto(path.as_uri())
            yield found
        finally:
            browser.close()


def is_like(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    """Whether two colours are the same but for what a lossy picture changes."""
    return all(abs(a - b) < 30 for a, b in zip(one, other, strict=True))
