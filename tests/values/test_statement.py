"""Statements of any form, and what does not agree in them."""

import io
from dataclasses import replace

import pytest
from helpers.jobs import draft

from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.job import Job
from seedvr_cli.values.statement import Charge, compare, read_statement


def read(text, **columns):
    return read_all(text, **columns).charges


def read_all(text, **columns):
    statement = read_statement(io.StringIO(text), "s.csv", **{"id_column": None, "amount_column": None, **columns})
    return statement.with_signs(())


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
        ("id,amount\na,0.001\n\nb\n", {}, "s.csv:4: 1 cells under 2 columns"),
        ("id,amount\na,0.001,0.002\n", {}, "s.csv:2: 3 cells under 2 columns"),
        ('id,amount\na,0.001\nb,"0.001\nc,0.001\n', {}, "s.csv:3: no CSV: unexpected end of data"),
        ('id,amount\na,"0.001\nb,0.001\nc,"0.001\n', {}, "s.csv:2: no CSV: "),
        ("id,amount,amount\na,1,2\n", {}, "two columns are called 'amount'"),
        ("id,Amount,net,AMOUNT\na,1,2,3\n", {}, "two columns are called 'Amount'"),
        ("id,net,net\na,1,2\n", {"amount_column": "net"}, "two columns are called 'net'"),
        ("\0" * (1 << 20), {}, "s.csv:1: that is no line of a statement"),
        ("id,amount\na," + "9" * 200_000 + "\n", {}, "s.csv:"),
    ],
)
def test_what_is_no_statement_is_refused(text, columns, message):
    """One line says what is wrong, and where."""
    with pytest.raises(UsageError, match=f"^{message}"):
        read(text, **columns)


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("id,amount\na,0.001\na,-0.001\nb,0.001\n", [1000, -1000, 1000]),
        ("id,amount\na,-0.001\na,0.001\nb,-0.001\n", [1000, -1000, 1000]),
        ("id,amount\na,-$0.001\nb,+0.0005\n", [1000, -500]),
        ("id,amount\na,0.001\na,-0.001\n", [1000, -1000]),
    ],
)
def test_a_charge_is_above_zero_and_a_refund_below(text, amounts):
    """Whichever sign the statement gives its charges, what was given back has the other one."""
    assert [charge.amount for charge in read(text)] == amounts


def test_charges_are_told_from_refunds_by_what_is_known():
    """One large refund does not turn all charges into refunds."""
    statement = read_statement(
        io.StringIO("id,amount\na,0.001\nold,-0.68\n"), "s.csv", id_column=None, amount_column=None
    )
    assert [charge.amount for charge in statement.with_signs({"a"}).charges] == [1000, -680_000]
    more = "".join(f"{number},-0.001\n" for number in range(3))
    assert [charge.amount for charge in read(f"id,amount\n{more}old,0.68\n")] == [1000, 1000, 1000, -680_000]


@pytest.mark.parametrize("text", ["1,000", "-12,345", "$100,000"])
def test_an_amount_that_may_be_two_is_refused(text):
    """A comma in front of three digits is that of thousands, or of a fraction: nobody knows."""
    with pytest.raises(UsageError, match="is not an amount"):
        read(f'id,amount\na,"{text}"\n')


@pytest.mark.parametrize("line", ["Total,0.003,", "TOTAL:,-0.003,", 'Gesamt,"0,003",', "Balance,0.503,", ",0.003,Sum"])
def test_the_line_of_the_sum_is_no_charge(line):
    """What is called a sum, and is that of the lines before it, is neither a charge nor another amount."""
    statement = read_all(f"id,amount,note\na,0.001,\n,0.5,fee\nb,0.002,\n{line}\n")
    assert ([one.request_id for one in statement.charges], statement.others) == (["a", "b"], [500_000])


def test_a_line_that_is_called_a_sum_and_is_none_is_a_charge():
    """Another amount than that of the lines before it stays, whatever it is called."""
    assert read("id,amount\na,0.001\nTotal,0.002\n")[1] == Charge("Total", 2000)


def test_lines_that_name_no_request_are_told():
    """An amount without a request id is no charge of ours, and not forgotten."""
    assert read_all("id,amount,note\na,-0.001,\n,-0.5,other fee\n,5,payment\n").others == [500_000, -5_000_000]


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


def test_what_was_given_back_is_taken_off():
    """Of each request the charges count without the refunds, in whatever order they stand."""
    jobs = {one.request_id: one for one in (job("back"), job("once"), job("bad", "failed"), job("thrice"))}
    charges = [
        Charge("back", 1000), Charge("back", -1000), Charge("once", -1000), Charge("once", 1000),
        Charge("once", 1000), Charge("bad", 1000), Charge("bad", -1000), *[Charge("thrice", 1000)] * 3,
        Charge("thrice", -1000),
    ]  # fmt: skip
    found = {one.request_id: (one.kind, one.charged) for one in compare(charges, jobs, [])}
    assert found == {
        "back": ("differs", 0),
        "once": ("matched", 1000),
        "bad": ("matched", 0),
        "thrice": ("twice", 2000),
    }
