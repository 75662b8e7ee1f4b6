"""`seedvr reconcile` over the real command."""

import pytest
from helpers.sources import urls

pytestmark = pytest.mark.slow


def statement(bench, rows):
    text = "".join(f"{request_id},{amount}\n" for request_id, amount in rows)
    (bench.work / "statement.csv").write_text(f"request_id,amount\n{text}")


def test_a_statement_beside_the_ledger(bench, gateway):
    """What agrees is code 0 and no line; what was charged twice, or not at all, or elsewhere, is a line and code 1."""
    fake = gateway()
    done = bench.run("image", *urls(3), "--json", to=fake)
    first, _, third = ids = [one["request_id"] for one in done.objects]
    at = ["--base-url", fake.url]
    statement(bench, [(one, "0.001") for one in ids])
    same = bench.run("reconcile", "statement.csv", *at)
    assert (same.rc, same.stdout) == (0, "")
    assert "3 matched" in same.stderr
    statement(bench, [(first, "0.001"), (first, "0.001"), ("other", "0.05"), (third, "0.001")])
    off = bench.run("reconcile", "statement.csv", "--since", "1h", *at)
    kinds = {tuple(line.split("\t")[:2]) for line in off.lines}
    # What was submitted after the last job of the statement may be part of the next one.
    assert {("twice", first), ("foreign", "other")} <= kinds
    objects = bench.run("reconcile", "statement.csv", "--json", *at).objects
    assert {one["kind"] for one in objects} >= {"matched", "twice", "foreign"}
    assert off.rc == 1
    assert bench.run("reconcile", "none.csv", *at).rc == 2


def test_a_statement_without_a_charge(bench, gateway):
    """With --since all that was COMPLETED since then is missing from it; without, that none is looked for is told."""
    fake = gateway()
    ids = bench.run("image", *urls(2), "--json", to=fake).objects
    at = ["--base-url", fake.url]
    statement(bench, [])
    done = bench.run("reconcile", "statement.csv", "--since", "1d", *at)
    assert done.rc == 1
    assert {tuple(line.split("\t")[:2]) for line in done.lines} == {("missing", one["request_id"]) for one in ids}
    done = bench.run("reconcile", "statement.csv", *at)
    assert (done.rc, "--since says from when on" in done.stderr) == (0, True)


def test_statements_as_spreadsheets_write_them(bench, gateway):
    """UTF-16 with tabs is read; amounts without a request id are told; what is no text of lines is refused."""
    fake = gateway()
    request_id = bench.run("image", *urls(1), "--json", to=fake).object["request_id"]
    at = ["--base-url", fake.url]
    text = f"Request ID\tAmount\r\n{request_id}\t0,001\r\n\t0,5\r\nTotal\t0,501\r\n"
    (bench.work / "statement.csv").write_bytes(text.encode("utf-16"))
    done = bench.run("reconcile", "statement.csv", *at)
    assert (done.rc, done.stdout) == (0, ""), done.stderr
    assert "seedvr: 1 line names no request: $0.50 is not compared\n" in done.stderr
    assert "1 matched" in done.stderr
    assert bench.run("reconcile", "/dev/zero", *at).rc == 2


def test_two_balances(bench, gateway):
    """The difference of two balances agrees with the list prices since then, or is told."""
    fake = gateway()
    assert bench.run("image", *urls(3), to=fake).rc == 0
    words = ["reconcile", "--before", "1.000", "--since", "1h", "--base-url", fake.url, "--after"]
    same = bench.run(*words, "0.997")
    assert (same.rc, same.lines) == (0, ["agrees\t$0.003 charged\t$0.003 listed"])
    assert bench.run(*words, "0.99", "--json").object["agrees"] is False
    assert bench.run(*words, "0.99").lines == ["differs by $0.007\t$0.01 charged\t$0.003 listed"]
    assert bench.run(*words, "much").rc == 2
    assert bench.run("reconcile", "--before", "1").rc == 2
    assert bench.run(*words, "0.9", "statement.csv").rc == 2
