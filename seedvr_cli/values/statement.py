"""The vendor's statement beside the ledger: what was charged, and what was to be.

The vendor documents no form of a statement, so any CSV will do that has a column with request ids and one with amounts.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Literal

from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.job import Job
from seedvr_cli.values.money import parse_usd

# What such columns are called, in lower case and without what joins words; the first that is there counts.
ID_COLUMNS = ("requestid", "request", "jobid", "id", "reference", "transactionid")
AMOUNT_COLUMNS = (
    "amountusd", "amount", "costusd", "cost", "chargeusd", "charge", "charged", "priceusd", "price", "usd", "debit",
)  # fmt: skip

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
    """A line of a statement; `amount` in millionths of a dollar, without its sign."""

    request_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one request; amounts in millionths of a dollar."""

    kind: Kind
    request_id: str
    charged: int | None
    listed: int | None
    source: str | None


def read_statement(file: IO[str], name: str, *, id_column: str | None, amount_column: str | None) -> list[Charge]:
    """The charges of a CSV with a header; lines without an id or an amount (payments) are none. UsageError."""
    first = file.readline()
    file.seek(0)
    delimiter = max(",;\t|", key=first.count)
    reader = csv.DictReader(file, delimiter=delimiter)
    columns = list(reader.fieldnames or ())
    id_name = _column(columns, id_column, ID_COLUMNS, f"{name}: no column has request ids", "--id-column NAME")
    amount_name = _column(
        columns, amount_column, AMOUNT_COLUMNS, f"{name}: no column has amounts", "--amount-column NAME"
    )  # fmt: skip
    charges = []
    try:
        for row in reader:
            request_id, text = (row.get(id_name) or "").strip(), (row.get(amount_name) or "").strip()
            if request_id and text:
                charges.append(Charge(request_id, _amount(text, f"{name}:{reader.line_num}")))
    except csv.Error as error:
        raise UsageError(f"{name}:{reader.line_num}: {error}") from error
    return charges


def compare(charges: Sequence[Charge], jobs: Mapping[str, Job], of_period: Iterable[Job]) -> Iterator[Finding]:
    """What agrees and what does not.

    `jobs` by request id are those of the charges, `of_period` all that were submitted meanwhile.
    """
    times = Counter(charge.request_id for charge in charges if charge.amount)
    sums: Counter[str] = Counter()
    for charge in charges:
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


def _column(columns: Sequence[str], wanted: str | None, known: Sequence[str], problem: str, hint: str) -> str:
    if wanted is not None:
        if wanted not in columns:
            raise UsageError(f"there is no column {wanted!r}", hint=f"there are {', '.join(columns) or 'none'}")
        return wanted
    plain = {"".join(filter(str.isalnum, column.lower())): column for column in reversed(columns)}
    found = next((plain[one] for one in known if one in plain), None)
    if found is None:
        raise UsageError(f"{problem} ({', '.join(columns) or 'it is empty'})", hint=hint)
    return found


def _amount(text: str, where: str) -> int:
    """`-$0.001`, `0.001 USD` or `0,001`."""
    plain = text.upper().replace("USD", "").replace("$", "").replace("−", "-").strip().lstrip("+-").strip()
    if "," in plain and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        return parse_usd(plain)
    except ValueError as error:
        raise UsageError(f"{where}: {text!r} is not an amount in US dollars", hint="--amount-column NAME") from error
