"""Sentences for people: one line an outcome, one line a run."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from seedvr_cli.render.talk import clean, error_line
from seedvr_cli.render.tally import Tally
from seedvr_cli.values.catalog import COMPLETED
from seedvr_cli.values.items import Attachment, Item, Outcome
from seedvr_cli.values.job import File
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.schedule import show_duration


def outcome_line(outcome: Outcome, *, free: bool = False, is_told: bool = False) -> str:
    """`photo.jpg: done in 12s, 960x640, $0.001`, or what went wrong.

    Without the price where nothing is paid (`free`), and without the reason where another line has it (`is_told`).
    """
    item, job = outcome.item, outcome.job
    if is_told:
        return clean(f"seedvr: {name_of(item)}: not submitted")
    if outcome.error is not None:
        return error_line(outcome.error, name_of(item))
    if outcome.skipped:
        return clean(f"{name_of(item)}: delivered before, nothing to do")
    words = [f"{job.status}" if job and job.status != COMPLETED else "done"]
    if outcome.resumed:
        words.append("paid for before")
    elif job and job.status == COMPLETED and job.seconds is not None:  # of stamps that may be whole seconds
        words[0] += f" in {show_duration(job.seconds)}" if job.seconds >= 1 else " in about a second"
    words += [size for size in map(_size, outcome.files) if size]
    if job and job.price is not None and not outcome.resumed and job.status == COMPLETED and not free:
        words.append(show_usd(job.price))
    return clean(f"{name_of(item)}: {', '.join(words)}")


def took(outcome: Outcome) -> str:
    """`12s`, or why it took no time; nothing where that is not known."""
    job = outcome.job
    if outcome.skipped:
        return "delivered before"
    if outcome.resumed:
        return "paid for before"
    if job and job.status == COMPLETED and job.seconds is not None:  # of stamps that may be whole seconds
        return show_duration(job.seconds) if job.seconds >= 1 else "1s"
    return ""


def paid(outcome: Outcome, *, free: bool) -> str:
    """The list price of what this run has paid for; nothing where it paid nothing."""
    job = outcome.job
    is_paid = job and job.price is not None and not outcome.resumed and job.status == COMPLETED and not free
    return show_usd(job.price) if is_paid and job and job.price is not None else ""


def name_of(item: Item) -> str:
    """What the user knows the item by."""
    if item.source and "://" in item.source:
        return item.source.partition("?")[0]  # which may be a signature
    return item.source or (item.request_id if isinstance(item, Attachment) else None) or item.label


def summary_line(outcomes: "Tally", seconds: float) -> str:
    """`12 done, 3 skipped, 1 failed; $0.012; 2m 05s`."""
    counts = [
        (outcomes.done, "done"),
        (outcomes.skipped, "delivered before"),
        (outcomes.running, "still running"),
        (outcomes.unknown, "unknown"),
        (outcomes.failed, "failed"),
        (outcomes.held, "not submitted"),
    ]
    words = ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing done"
    price = "" if outcomes.free else f"list price {show_usd(outcomes.price)}; "
    return f"seedvr: {words}; {price}{show_duration(seconds)}"


def job_rows(outcomes: Iterable[Outcome]) -> list[tuple[str, ...]]:
    """The columns of `status` in a pipe: id, status, endpoint, when, source."""
    rows: list[tuple[str, ...]] = []
    for outcome in outcomes:
        when = shown_time(outcome)
        rows.append((
            clean(outcome.request_id or "-"),
            clean(shown_status(outcome)),
            outcome.item.endpoint or "-",
            f"{when:%Y-%m-%d %H:%M:%SZ}" if when else "-",
            clean(outcome.item.source or "-"),
        ))  # fmt: skip
    return rows


def shown_status(outcome: Outcome) -> str:
    """The gateway's word, or ours where it has none."""
    job, answer = outcome.job, outcome.answer
    if job is None:
        return answer.status if answer else "-"
    return job.state if job.state == "unknown" else job.status or job.state


def shown_time(outcome: Outcome) -> datetime | None:
    """When it began, as far as that is known."""
    if outcome.job is not None:
        return outcome.job.shown_start
    return outcome.answer.created_at if outcome.answer else None


class Table:
    """Lines with tabs for a pipe, or aligned columns for a screen; rows may come some at a time."""

    def __init__(self, *, aligned: bool) -> None:
        self._aligned = aligned
        self._widths: list[int] = []

    def lines(self, rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
        """The next lines; columns never get narrower."""
        if not self._aligned or not rows:
            yield from ("\t".join(row) for row in rows)
            return
        widest = [max(map(len, column)) for column in zip(*rows, strict=True)]
        self._widths = list(map(max, widest, self._widths or widest))
        for row in rows:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, self._widths, strict=True)).rstrip()


def _size(file: File) -> str:
    return f"{file.width}x{file.height}" if file.width and file.height else ""
