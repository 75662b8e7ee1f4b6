"""The job summary: a page that fits, and says nothing but what was meant."""

from seedvr_cli.render.job_page import LARGEST_PAGES, LONGEST_CELL, MOST_FAILURES, job_page

TOTALS = {
    "command": "image", "exit_code": 1, "done": 2, "delivered_before": 0, "failed": 0, "unknown": 1, "running": 0,
    "not_submitted": 0, "price_usd": 0.003, "seconds": 75.0, "error": None,
}  # fmt: skip


def page(failures=(), failed=0, *, free=False, secrets=(), **totals):
    return job_page({**TOTALS, **totals}, failures, failed, free=free, secrets=secrets)


def test_the_totals_are_a_table():
    """Counts that are not nothing, the price by the list, the time and the code each have a row."""
    assert page() == (
        "### seedvr image\n\n| | |\n|---|---|\n| done | 2 |\n| unknown | 1 |\n| list price | &#36;0.003 |\n"
        "| time | 1m 15s |\n| exit code | 1 |\n\n"
    )
    assert "list price" not in page(free=True)


def test_failures_are_a_table():
    """Each failure is named, beyond the first ones they are counted, and what ended the run is said."""
    text = page([("a.png", "it failed")], 3, error={"message": "no key"})
    assert "\nno key\n" in text
    assert "| a.png | it failed |\n\nand 2 more\n" in text


def test_nothing_in_it_is_markup():
    """Names and messages end no cell, make no link and run no script."""
    text = page([("<script>|`x`", "[a](javascript:b)\n# head\x1b[0m")], 1)
    row = text.splitlines()[-2]
    assert row.count("|") == 3
    assert not set("<>`[](#") & set(row.replace("&#", ""))


def test_nothing_in_it_is_secret():
    """URLs stand without their queries, and keys that the process knows do not stand at all."""
    text = page([("https://e.com/a.png?sig=abc", "refused: sk-1")], 1, secrets={"sk-1"})
    assert not [word for word in ("sig", "abc", "sk-1", "sk&#45;1") if word in text]


def test_the_largest_page_is_small():
    """As many failures as are named, as long as a cell may be, take less than a quarter of what GitHub shows."""
    text = page([("|" * 9000, "&" * 9000)] * MOST_FAILURES, 10**6)
    assert len(text) < LARGEST_PAGES / 4
    assert f"{'&#124;' * (LONGEST_CELL - 1)}…" in text
