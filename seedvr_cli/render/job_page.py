"""The job summary of GitHub Actions: a page of Markdown with a run's totals, and what failed."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from seedvr_cli.render.talk import clean
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.redaction import redact, without_queries
from seedvr_cli.values.schedule import show_duration

# Bytes of all that a step may write there; of more GitHub shows nothing.
LARGEST_PAGES = 1 << 20
# Failures that are named, and characters of a cell.
MOST_FAILURES = 50
LONGEST_CELL = 300

# Counts by their key, and what they are called.
_COUNTS = {
    "done": "done",
    "delivered_before": "delivered before",
    "failed": "failed",
    "unknown": "unknown",
    "running": "still running",
    "not_submitted": "not submitted",
}
# What Markdown and HTML would make something of.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>()#+!|~&@$:-]")


def job_page(
    totals: Mapping[str, Any], failures: Sequence[tuple[str, str]], failed: int, *, free: bool, secrets: Collection[str]
) -> str:
    """The page of totals as --summary has them; `failures` are the first of `failed`, each a source and why.

    URLs stand without their queries, and none of the secrets is in it.
    """
    price = [] if free else [("list price", show_usd(round(totals["price_usd"] * 1_000_000)))]
    rows = [
        *((word, str(totals[key])) for key, word in _COUNTS.items() if totals[key] or key == "done"),
        *price,
        ("time", show_duration(totals["seconds"])),
        ("exit code", str(totals["exit_code"])),
    ]
    lines = [f"### seedvr {_cell(totals['command'] or '', secrets)}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_cell(value, secrets)} |" for name, value in rows]
    if totals["error"]:
        lines += ["", _cell(totals["error"]["message"], secrets)]
    if failures:
        lines += ["", "| source | what went wrong |", "|---|---|"]
        lines += [f"| {_cell(source, secrets)} | {_cell(why, secrets)} |" for source, why in failures]
    if failed > len(failures):
        lines += ["", f"and {failed - len(failures)} more"]
    return "\n".join([*lines, "", ""])


def _cell(text: str, secrets: Collection[str]) -> str:
    text = clean(redact(without_queries(text), secrets))
    text = text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", text)
