"""How long jobs took, as a small picture of lines and bars: inline SVG, without a style of its own."""

from collections.abc import Sequence

from seedvr_cli.values.schedule import show_duration

# Seconds at which a bar ends: each about twice the one before, since pictures take seconds, and videos minutes.
EDGES = (1, 2, 5, 10, 20, 40, 60, 120, 300, 600, 1200, 2400, 3600, 7200)
# Jobs below which there is nothing to see in it.
FEWEST = 3
# Units of the drawing.
BAR, GAP, HEIGHT, TOP, BOTTOM = 44, 6, 64, 16, 20


def histogram(seconds: Sequence[float]) -> str:
    """The drawing; nothing for a handful of jobs."""
    if len(seconds) < FEWEST:
        return ""
    bars = counted(seconds)
    most = max(count for _, count in bars)
    width, height = len(bars) * (BAR + GAP), TOP + HEIGHT + BOTTOM
    drawn = "".join(_bar(place, word, count, most) for place, (word, count) in enumerate(bars))
    words = ", ".join(f"{_escaped(word)}: {count}" for word, count in bars if count)
    return (
        f'<figure class="chart"><figcaption>Jobs by the time they took</figcaption>'
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="Jobs by time taken: {words}">'
        f'<line x1="0" x2="{width}" y1="{TOP + HEIGHT}" y2="{TOP + HEIGHT}"/>{drawn}</svg></figure>'
    )


def counted(seconds: Sequence[float]) -> list[tuple[str, int]]:
    """The bars from the first that has a job to the last: what they stand for, and how many jobs."""
    limits = (*EDGES, float("inf"))
    counts = [0] * len(limits)
    for length in seconds:
        counts[next(place for place, limit in enumerate(limits) if length < limit)] += 1
    filled = [place for place, count in enumerate(counts) if count]
    return [(_word(place), counts[place]) for place in range(filled[0], filled[-1] + 1)]


def _word(place: int) -> str:
    if place == len(EDGES):
        return f"≥ {_short(EDGES[-1])}"
    return f"< {_short(EDGES[place])}"


def _short(seconds: float) -> str:
    return f"{seconds:g}s" if seconds < 60 else show_duration(seconds).replace(" 00s", "").replace(" 00m", "")


def _bar(place: int, word: str, count: int, most: int) -> str:
    left, height = place * (BAR + GAP) + GAP / 2, HEIGHT * count / most
    middle, top = left + BAR / 2, TOP + HEIGHT - height
    bar = f'<rect x="{left:g}" y="{top:.1f}" width="{BAR}" height="{height:.1f}" rx="2"/>'
    number = f'<text x="{middle:g}" y="{top - 4:.1f}">{count}</text>' if count else ""
    return f'{bar}{number}<text x="{middle:g}" y="{TOP + HEIGHT + 14}">{_escaped(word)}</text>'


def _escaped(word: str) -> str:
    return word.replace("<", "&lt;")
