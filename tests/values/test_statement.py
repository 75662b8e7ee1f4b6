"""Statements of any form, and what does not agree in them."""

import io
from dataclasses import replace

import pytest
from helpers.jobs import draft

from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.job import Job
from seedvr_cli.values.statement import Charge, compare, read_statement


def read(text, **columns):
    return read_statement(io.StringIO(text), "s.csv", **{"id_column": None, "amount_column": None, **columns})


def job(request_id, state="completed", price=1000):
    """A job of the ledger at $0.001."""
    plain = draft(request_id)
    fields = {name: getattr(plain, name) for name in plain.__slots__} if hasattr(plain, "__slots__") else vars(plain)
    made = Job(**{**fields, "price": price}, id=1, state=state, request_id=request_id)
    return replace(made, source=f"https://a/{request_id}.png")


@pytest.mark.parametrize(
    "text",
    [
        "request_id,amount\na,0.001\n",
        "Date;Request ID;Amount (USD)\n2026;a;-0,001\n",
        "id\tCost\na\t$0.001\n",
        "Amount,Request-Id,note\n0.001 USD,a,\n,b,no amount\n5.00,,a payment\n",
        '"request","charged"\r\n"a","−0.001"\r\n',
    ],
)
def test_columns_are_known_by_their_names(text):
    """Whatever the separator, the case and the sign; lines without an id or an amount are no charges."""
    assert read(text) == [Charge("a", 1000)]


def test_columns_may_be_named():
    """Names of the user's come before ours."""
    assert read("id,what,amount,net\nx,a,9,0.001\n", id_column="what", amount_column="net") == [Charge("a", 1000)]


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("", {}, r"s.csv: no column has request ids \(it is empty\)"),
        ("when,amount\n", {}, r"s.csv: no column has request ids \(when, amount\)"),
        ("id,when\n", {}, r"s.csv: no column has amounts \(id, when\)"),
        ("id,amount\n", {"id_column": "ref"}, "there is no column 'ref'"),
        ("id,amount\na,much\n", {}, "s.csv:2: 'much' is not an amount in US dollars"),
        ("id,amount\na," + "9" * 200_000 + "\n", {}, "s.csv:"),
    ],
)
def test_what_is_no_statement_is_refused(text, columns, message):
    """One line says what is wrong, and where."""
    with pytest.raises(UsageError, match=f"^{message}"):
        read(text, **columns)


def test_each_kind_is_found():
    """Twice, another price, FAILED that was charged, of another ledger, and COMPLETED that was not charged."""
    jobs = {
        one.request_id: one
        for one in (job("ok"), job("twice"), job("dear"), job("bad", "failed"), job("free", "error"))
    }
    charges = [
        Charge("ok", 1000), Charge("twice", 1000), Charge("twice", 1000), Charge("dear", 2000),
        Charge("bad", 1000), Charge("free", 0), Charge("alien", 1000),
    ]  # fmt: skip
    period = [*jobs.values(), job("late"), job("running", "running")]
    found = {(one.kind, one.request_id): (one.charged, one.listed) for one in compare(charges, jobs, period)}
    assert found == {
        ("matched", "ok"): (1000, 1000),
        ("twice", "twice"): (2000, 1000),
        ("differs", "dear"): (2000, 1000),
        ("charged_failed", "bad"): (1000, 1000),
        ("matched", "free"): (0, 1000),
        ("foreign", "alien"): (1000, None),
        ("missing", "late"): (None, 1000),
    }


def test_a_job_without_a_price_is_charged_what_it_is():
    """Where the ledger knows no price, any is right; a refund on a second line is no second charge."""
    jobs = {"a": job("a", price=None), "b": job("b")}
    charges = [Charge("a", 5), Charge("b", 1000), Charge("b", 0)]
    assert [one.kind for one in compare(charges, jobs, [])] == ["matched", "matched"]
