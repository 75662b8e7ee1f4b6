"""The vendor's statement beside the ledger: what was charged, and what was to be.

The vendor documents no form of a statement, so any CSV will do that has a column with request ids and one with amounts.
"""

import csv
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any, Literal

from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.job import Job
from seedvr_cli.values.money import parse_usd

# What such columns are called, in lower case and without what joins words; the first that is there counts.
ID_COLUMNS = ("requestid", "request", "jobid", "id", "reference", "transactionid")
AMOUNT_COLUMNS = (
    "amountusd", "amount", "costusd", "cost", "chargeusd", "charge", "charged", "priceusd", "price", "usd", "debit",
)  # fmt: skip
# What the line of a sum is called, in whatever column; it is one only where its amount is that of the lines before it.
_TOTAL = re.compile(
    r"(?i)(grand |sub-?)?(total|sum|summe|gesamt|insgesamt|saldo|balance|overall)( amount| charges?| usd)?:?"
)
# Characters of a line; what has none that ends is no statement.
LONGEST_LINE = 1 << 20

Kind = Literal["matched", "differs", "twice", "charged_failed", "foreign", "missing"]
MEANINGS: Mapping[Kind, str] = {
    "matched": "charged at the list price",
    "differs": "charged at another price",
    "twice": "charged more than once",
    "charged_failed": "FAILED or ERROR, and charged",
    "foreign": "charged, and not in this ledger",
    "missing": "COMPLETED, and not charged",
}


@dataclass(frozen=True, slots=True)
class Charge:
    """A line of a statement; `amount` in millionths of a dollar, below zero where it was given back."""

    request_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Statement:
    """All charges, and the amounts of lines that name no request: payments, or what nobody asked for."""

    charges: Sequence[Charge]
    others: Sequence[int] = ()

    def with_signs(self, known: Container[str]) -> "Statement":
        """The same, with charges above zero, as most of them are in number, and of those whose request is `known`."""
        some = [charge.amount for charge in self.charges if charge.request_id in known]
        amounts = some or [charge.amount for charge in self.charges]
        balance = sum((amount > 0) - (amount < 0) for amount in amounts) or sum(amounts)
        sign = -1 if balance < 0 else 1
        charges = [Charge(one.request_id, sign * one.amount) for one in self.charges]
        return Statement(charges, [sign * one for one in self.others])


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one request; amounts in millionths of a dollar."""

    kind: Kind
    request_id: str
    charged: int | None
    listed: int | None
    source: str | None


def read_statement(file: IO[str], name: str, *, id_column: str | None, amount_column: str | None) -> Statement:
    """The charges of a CSV with a header; lines without an amount are none. UsageError, with the line, for any other.

    Amounts have the signs that they have there: see `Statement.with_signs`.
    """
    lines = _lines(file, name)
    first = next(lines, "")
    reader = csv.reader(chain([first], lines), delimiter=max(",;\t|", key=first.count), strict=True)
    rows = _rows(reader, name)
    _, columns = next(rows, (0, []))
    id_at = _column(columns, id_column, ID_COLUMNS, f"{name}: no column has request ids", "--id-column NAME")
    amount_at = _column(columns, amount_column, AMOUNT_COLUMNS, f"{name}: no column has amounts",
                        "--amount-column NAME")  # fmt: skip
    charges: list[Charge] = []
    others: list[int] = []
    for number, row in rows:
        if len(row) < len(columns) or any(row[len(columns) :]):
            raise UsageError(f"{name}:{number}: {len(row)} cells under {len(columns)} columns")
        request_id, text = row[id_at].strip(), row[amount_at].strip()
        if not text:
            continue
        amount = _amount(text, f"{name}:{number}")
        if _is_named_total(request_id, row) and abs(amount) in _sums(charges, others):
            continue
        if request_id:
            charges.append(Charge(request_id, amount))
        else:
            others.append(amount)
    return Statement(charges, others)


def compare(charges: Sequence[Charge], jobs: Mapping[str, Job], of_period: Iterable[Job]) -> Iterator[Finding]:
    """What agrees and what does not.

    `jobs` by request id are those of the charges, `of_period` all that were submitted meanwhile.
    """
    times: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for charge in charges:
        times[charge.request_id] += (charge.amount > 0) - (charge.amount < 0)  # what was given back is no charge
        sums[charge.request_id] += charge.amount
    for request_id, charged in sums.items():
        job = jobs.get(request_id)
        listed = job.price if job else None
        yield Finding(_kind(job, charged, times[request_id]), request_id, charged, listed, job.source if job else None)
    for job in of_period:
        if job.request_id and job.state == "completed" and job.request_id not in sums:
            yield Finding("missing", job.request_id, None, job.price, job.source)


def _kind(job: Job | None, charged: int, times: int) -> Kind:
    if job is None:
        return "foreign"
    if job.state in {"failed", "error"}:
        return "charged_failed" if charged else "matched"
    if times > 1:
        return "twice"
    return "matched" if job.price is None or charged == job.price else "differs"


def _lines(file: IO[str], name: str) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), start=1):
        if len(line) == LONGEST_LINE:
            raise UsageError(f"{name}:{number}: that is no line of a statement: it does not end")
        yield line


def _rows(reader: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    """Those that are not empty, each with the number of the line that it begins on."""
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise UsageError(f"{name}:{number}: no CSV: {error}") from error
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield number, row


def _column(columns: Sequence[str], wanted: str | None, known: Sequence[str], problem: str, hint: str) -> int:
    """Which one it is, from 0 on."""
    if wanted is not None and wanted not in columns:
        raise UsageError(f"there is no column {wanted!r}", hint=f"there are {', '.join(columns) or 'none'}")
    names = columns if wanted is not None else ["".join(filter(str.isalnum, column.lower())) for column in columns]
    found = next((one for one in ([wanted] if wanted is not None else known) if one in names), None)
    if found is None:
        raise UsageError(f"{problem} ({', '.join(columns) or 'it is empty'})", hint=hint)
    at = names.index(found)
    if names.count(found) > 1:
        raise UsageError(f"two columns are called {columns[at]!r}", hint=f"give one another name, or {hint}")
    return at


def _is_named_total(request_id: str, row: Sequence[str]) -> bool:
    return any(_TOTAL.fullmatch(cell.strip()) for cell in ([request_id] if request_id else row))


def _sums(charges: Sequence[Charge], others: Sequence[int]) -> set[int]:
    """What a line may say of all before it, with the lines that name no request or without them."""
    charged = sum(charge.amount for charge in charges)
    return {abs(charged), abs(charged + sum(others))}


def _amount(text: str, where: str) -> int:
    """Of `-$0.001`, `0.001 USD` or `0,001`; of `1,000` nobody knows what it is."""
    signed = text.upper().replace("USD", "").replace("$", "").replace("−", "-").replace(" ", "")
    plain = signed.lstrip("+-")
    if "," in plain and "." not in plain and not re.fullmatch(r"[1-9]\d{0,2},\d{3}", plain):
        plain = plain.replace(",", ".")
    try:
        return -parse_usd(plain) if signed.startswith("-") else parse_usd(plain)
    except ValueError as error:
        raise UsageError(f"{where}: {text!r} is not an amount in US dollars", hint="--amount-column NAME") from error
