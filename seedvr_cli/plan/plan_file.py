"""--plan: what would be submitted, written down, so that just that is submitted later, or by somebody else.

A line is one request with its key and its list price; the last line counts them and has a digest of all before it.
It is good as long as all of it still holds: the file, the list of prices, the sources.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import IO, Any, Self

from seedvr_cli.plan.planner import Prospect, Recipe
from seedvr_cli.plan.sources import expand
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.values.catalog import ENDPOINTS, WEBHOOK_HEADER, Endpoint
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.money import as_usd
from seedvr_cli.values.naming import Output
from seedvr_cli.values.request import Request, Source, identifying_params, job_key, named_identity
from seedvr_cli.values.version import Version

VERSION = 1
# Characters of a line, which is one request; what is longer was not written here.
LONGEST_LINE = 1 << 24
# What comes of reading what no plan is.
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Totals:
    """The last line: how many requests for how many millionths of a dollar, and for which gateway.

    `retry_failed`: what ended FAILED is still to be done, `if_changed`: what was paid for of an earlier source, too.
    """

    requests: int
    price: int
    gateway: str
    retry_failed: bool = False
    if_changed: bool = False


class PlanWriter:
    """Writes a plan; OSError where that fails. It has its last line, and so is one, only when the block ends well."""

    def __init__(self, file: IO[str], gateway: str, *, retry_failed: bool = False, if_changed: bool = False) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._totals = Totals(0, 0, gateway, retry_failed, if_changed)
        self._prices: dict[str, list[list[Any]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            totals = self._totals
            self._file.write(_line({
                "plan": VERSION,
                "requests": totals.requests,
                "price_usd": as_usd(totals.price),
                "gateway": totals.gateway,
                "retry_failed": totals.retry_failed,
                "if_changed": totals.if_changed,
                "prices": self._prices,
                "sha256": self._digest.hexdigest(),
            }))  # fmt: skip

    def add(self, prospect: Prospect, price: int, version: Version | None) -> None:
        """One request, at so many millionths of a dollar, of that version of its source, where one looked."""
        item = prospect.item()
        request, endpoint = item.request, item.request.endpoint
        line = _line({
            "index": item.index,
            "source": request.source.text,
            "identity": request.source.identity,
            "name": request.source.name,
            "endpoint": endpoint.name,
            "params": dict(request.params),
            "notify": dict(request.notify),
            "headers": dict(request.headers),
            "output": {"kind": item.output.kind, "template": item.output.template, "text": item.output.text},
            "key_name": item.key_name,
            "tags": item.tags,
            "key": item.key,
            "price_usd": as_usd(price),
            "version": asdict(version) if version else None,
        })  # fmt: skip
        self._digest.update(line.encode())
        self._file.write(line)
        self._prices[endpoint.name] = _prices(endpoint)
        self._totals = replace(self._totals, requests=self._totals.requests + 1, price=self._totals.price + price)


def is_plan(text: str) -> bool:
    """Whether a file that begins like that is a plan, or was one; ValueError where it is no JSON."""
    first = json.loads(text.partition("\n")[0])
    return isinstance(first, dict) and ("plan" in first or {"identity", "key", "price_usd"} <= first.keys())


class Plan:
    """A plan in a file. It is read anew each time, and never as a whole: it may be as long as any list."""

    def __init__(self, path: str) -> None:
        """Raises UsageError for what is no plan, or not all of one, or none any more."""
        self._path = path
        self.totals = self._check()

    def prospects(self, wishes: Wishes) -> Iterator[Prospect]:
        """Its requests; UsageError for a source that is another now. Of the wishes, how sources reach the gateway."""
        return (prospect for prospect, _ in self.requests(wishes))

    def requests(self, wishes: Wishes) -> Iterator[tuple[Prospect, Version | None]]:
        """The same, each with the version of its source that was seen."""
        count = 0
        for number, text in self._lines():
            where = f"{self._path}:{number}"
            try:
                line = json.loads(text)
                if "plan" in line:
                    continue
                version = Version(**line["version"]) if line["version"] else None
                yield self._prospect(number, line, wishes), version
                count += 1
            except UsageError as error:
                raise UsageError(f"{where}: {error.message}", hint=error.hint or "make the plan anew") from error
            except _UNREADABLE as error:
                raise UsageError(f"{where}: this is no request of a plan") from error
        if count != self.totals.requests:
            raise UsageError(f"{self._path} was changed while it was read", hint="make it anew")

    def _check(self) -> Totals:
        """The file is as it was written, and the prices are as they were."""
        digest, last = hashlib.sha256(), ""
        with self._opened() as lines:
            for line in lines:
                digest.update(last.encode("utf-8", "surrogateescape"))
                last = line
        try:
            value = json.loads(last)
            if value["plan"] > VERSION:
                raise UsageError(f"{self._path} was made by a newer seedvr", hint="update seedvr")
            price = round(value["price_usd"] * 1_000_000)
            totals = Totals(
                value["requests"], price, value["gateway"], value["retry_failed"], value["if_changed"]
            )  # fmt: skip
            is_whole, prices = value["sha256"] == digest.hexdigest(), dict(value["prices"])
        except _UNREADABLE as error:
            raise UsageError(f"{self._path} is no plan, or not all of one", hint="--plan writes one") from error
        if not is_whole:
            raise UsageError(f"{self._path} was changed since it was made", hint="make it anew")
        for name, rows in prices.items():
            if name not in ENDPOINTS or _prices(ENDPOINTS[name]) != rows:
                raise UsageError(f"the list prices of {name} have changed since {self._path} was made",
                                 hint="make it anew")  # fmt: skip
        return totals

    def _prospect(self, number: int, line: Mapping[str, Any], wishes: Wishes) -> Prospect:
        endpoint = ENDPOINTS[line["endpoint"]]
        (source,) = expand(line["source"], replace(wishes, endpoint=endpoint))
        params, output = line["params"], Output(**line["output"])
        identifying = identifying_params(endpoint, params)
        identity = source.identity if line["key_name"] is None else named_identity(line["key_name"])
        key = job_key(self.totals.gateway, endpoint.name, identifying, identity)
        if (source.identity, key) != (line["identity"], line["key"]):  # under a name of the user's own the key is blind
            raise UsageError(f"{line['source']} has changed since the plan was made")
        if wishes.calls_us and WEBHOOK_HEADER in line["headers"]:
            raise UsageError("it has a --webhook, and the gateway calls that or --callback", hint="without --callback")
        request = Request(endpoint, Source("", "", "", ""), params, line["notify"], line["headers"])
        recipe = Recipe(request, output, identifying, tags=tuple(line["tags"]))
        return Prospect(
            line["index"], line["key"], replace(source, name=line["name"]), recipe, line["key_name"],
            where=f"{self._path}:{number}",
        )  # fmt: skip

    def _lines(self) -> Iterator[tuple[int, str]]:
        with self._opened() as lines:
            yield from enumerate(lines, start=1)

    @contextmanager
    def _opened(self) -> Iterator[Iterator[str]]:
        try:
            if not stat.S_ISREG(os.stat(self._path).st_mode):  # a pipe would be empty the second time
                raise UsageError(f"{self._path} is no file", hint="a plan is read more than once: put it into one")
            with open(self._path, encoding="utf-8", errors="surrogateescape") as file:
                yield self._bounded(file)
        except OSError as error:
            raise UsageError(f"{self._path}: {error.strerror or error}") from error

    def _bounded(self, file: IO[str]) -> Iterator[str]:
        for line in iter(lambda: file.readline(LONGEST_LINE), ""):
            if len(line) == LONGEST_LINE:
                raise UsageError(f"{self._path} is no plan: it has a line without an end", hint="--plan writes one")
            yield line


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value) + "\n"


def _prices(endpoint: Endpoint) -> list[list[Any]]:
    return [[row.label, row.short_side, row.micros] for row in endpoint.prices]
