"""Upscaling as a step of Ray Data: `dataset.map_batches(Upscale, ...)`, a row a picture or video.

A worker has one session and one run of its engine for as long as it lives, and each batch waits for its own rows.
Nothing of Ray is imported: a batch is whatever has columns. It stands on `Client`, and so under its promise: what a
dead worker has paid for, the one that gets its batch again attaches to, on one machine by the ledger there, on many by
the one that they share.
"""

import asyncio
import os
import threading
import weakref
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from seedvr_cli.api import CLIENT_OPTIONS, Client, Kind
from seedvr_cli.values.errors import BadLine, Interrupted, SeedvrError, Unforeseen, UsageError
from seedvr_cli.values.options import ITEM_OPTIONS, option_name
from seedvr_cli.values.result import Result
from seedvr_cli.values.urls import is_object_url
from seedvr_cli.values.words import nearest

# What each row gets, in this order, and a value of its type.
_EXAMPLES: Mapping[str, Any] = {
    "request_id": "",
    "status": "",
    "charge": "",
    "price_usd": 0.0,
    "media_url": [""],
    "files": [""],
    "error_code": "",
    "error_message": "",
    "error_hint": "",
}
ADDED = tuple(_EXAMPLES)
# Put before the name of an added column as often as it takes, where the batch has a column of that name.
PREFIX = "seedvr_"
_ERROR_CODE = ADDED.index("error_code")
# Errors that end a run's submissions, and may be over when the next batch comes.
_PASSING = frozenset({"network", "gateway", "ledger"})
# Seconds that the end of a worker waits for what is in the air to be recorded, with a shared ledger's own last seconds.
LAST_SECONDS = 40.0

_REFUSED = {
    "api_key": "a key does not travel with a program: each worker finds its own (SEEDVR_API_KEY, or its config file)",
    "retry_failed": "a batch that is run again would submit again what ended FAILED and may be charged; a column 'key'"
    " makes a new job of the same source",
    "new": "a batch that is run again would be paid for again; a column 'key' makes a new job of the same source",
}


class Upscale:
    """A class for `Dataset.map_batches`; its options are `fn_constructor_kwargs`.

    `source` is the column with the https URLs (or, with the sandbox, paths). `columns` are those whose values are that
    row's own options, named as in a list: `("scale", "key", "output")`; a missing value is none. All others are those
    of `seedvr_cli.Client` and `Client.upscale`, but for `api_key`, `new` and `retry_failed`. `output` is a folder of
    the worker, best one that all see, or of an object store. `jobs` are in flight at once in each worker, out of one
    batch: it should have as many rows. `max_cost` is US dollars for a worker's life. What ends submissions (that, the
    balance, the key, a disk that is not to be had) ends them for as long: later rows say so, and the same again does
    the rest. A gateway or a ledger that is away ends them for the batch; with `max_cost`, for the worker's life.

    A call returns the batch (a dict of columns, a pandas DataFrame or a pyarrow Table), with the same rows in the same
    order, and the columns of `ADDED`. `media_url` and `files` (absolute paths) are lists. What there is nothing of is
    None; the three `error_` columns are None where all is well, and no row raises. Where the batch has a column of
    such a name, ours is `seedvr_` and that name. With `batch_format="pyarrow"` each column has its type even where all
    of it is None, so that files of many batches fit together.

    The constructor raises UsageError (an option is wrong), KeyMissing or LedgerError, and nothing is paid; a call does
    where the batch lacks a column, or it has to open anew.
    """

    def __init__(
        self,
        *,
        source: str = "source",
        columns: Sequence[str] = (),
        kind: Kind = "image",
        model: str | None = None,
        output: str | os.PathLike[str] | None = None,
        param: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        for name, reason in _REFUSED.items():
            if options.get(name):
                raise UsageError(f"{name}: {reason}")
        self._source = source
        self._columns = (columns,) if isinstance(columns, str) else tuple(columns)
        for name in self._columns:
            if option_name(name) not in ITEM_OPTIONS:
                raise UsageError(f"columns: {name!r} is no option of an item{nearest(name, ITEM_OPTIONS)}")
        self._of_client = {name: options.pop(name) for name in _OF_CLIENT if name in options}
        self._of_call = {"kind": kind, "model": model, "output": output, "param": param, **options}
        self._lock = threading.Lock()
        self._shift: _Shift | None = None
        self._open_shift()

    def __call__(self, batch: Any) -> Any:
        """The batch with the added columns, once all of its rows have ended."""
        wanted = (self._source, *self._columns)
        columns = _columns_of(batch, wanted)
        shift = self._open_shift()
        try:
            rows = [self._submit(shift, values) for values in zip(*(columns[name] for name in wanted), strict=True)]
            cells = [_cells(row) for row in rows]
            if self._of_call.get("max_cost") is None and any(row[_ERROR_CODE] in _PASSING for row in cells):
                shift.close_if_idle()
        except BaseException:  # Ctrl-C in a notebook, say: the process lives on, and nobody wants these rows any more
            shift.close()
            raise
        return _with_columns(batch, {name: [row[number] for row in cells] for number, name in enumerate(ADDED)})

    def __getstate__(self) -> dict[str, Any]:
        """What travels: options. At its first batch the copy opens a session, with the key of where it is then."""
        return {name: value for name, value in self.__dict__.items() if name not in {"_shift", "_lock"}}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
        self._shift = None

    def close(self) -> None:
        """End the run as Ctrl-C does; also done when the object goes, and at the end of the process."""
        if self._shift is not None:
            self._shift.close()

    def _open_shift(self) -> "_Shift":
        """The run under way; a new one where there is none, or it has ended."""
        with self._lock:
            shift = self._shift
            if shift is None or shift.is_over or shift.process != os.getpid():  # of a fork, which has no threads
                self._shift = shift = _Shift(self._of_client, self._of_call)
                closer = weakref.finalize(self, shift.close)
                # Earlier than `atexit`, which comes when no thread can be started, and a ledger cannot be closed.
                threading._register_atexit(closer)  # type: ignore[attr-defined]
            return shift

    def _submit(self, shift: "_Shift", values: Sequence[Any]) -> "Future[Result]":
        word, *own = map(_plain, values)
        try:
            if isinstance(word, str | os.PathLike) and "://" not in str(word) and os.path.isdir(word):
                raise BadLine(f"{word}: a row is one {self._of_call['kind']}, and this is a folder")
            return shift.submit({**dict(zip(self._columns, own, strict=True)), "source": word})
        except SeedvrError as error:
            refused: Future[Result] = Future()
            refused.set_exception(error)
            return refused


_OF_CLIENT = ("base_url", "sandbox", "profile", *CLIENT_OPTIONS)


class _Shift:
    """A client and one run of its engine in a thread of its own, from the constructor to `close`."""

    def __init__(self, of_client: Mapping[str, Any], of_call: Mapping[str, Any]) -> None:
        self._of_client, self._of_call = of_client, of_call
        self._lock = threading.Lock()
        self._begun: Future[None] = Future()
        # By number of the source, the rows that the run has taken; all rows that have not ended.
        self._taken: dict[int, Future[Result]] = {}
        self._open: set[Future[Result]] = set()
        self.is_over = False
        self.process = os.getpid()
        self._thread = threading.Thread(target=self._live, name="seedvr", daemon=True)
        self._thread.start()
        self._begun.result()

    def submit(self, source: Mapping[str, Any]) -> "Future[Result]":
        """A row, whose future ends with its result; Interrupted where the run is over."""
        row: Future[Result] = Future()
        with self._lock:
            if self.is_over:
                raise _stopped()
            self._open.add(row)
            self._loop.call_soon_threadsafe(self._lines.put_nowait, (source, row))
        return row

    def close(self) -> None:
        """Nothing more is submitted, what is in the air is recorded, and rows that have not ended are interrupted."""
        if self.process != os.getpid():
            return
        with self._lock:
            if not self.is_over:
                self._loop.call_soon_threadsafe(self._cancel)
        if threading.current_thread() is not self._thread:  # the garbage is also looked through in there
            self._thread.join(LAST_SECONDS)

    def close_if_idle(self) -> None:
        """The same where no row is under way."""
        if not self._open:
            self.close()

    def _live(self) -> None:
        end: Exception = _stopped()
        try:
            asyncio.run(self._work())
        except asyncio.CancelledError:
            pass
        except SeedvrError as error:
            end = error
        except Exception as error:  # noqa: BLE001 - a bug ends the rows that wait, each with its words, and no worker
            end = Unforeseen(error)
        self._finish(end)

    async def _work(self) -> None:
        self._loop, self._lines = asyncio.get_running_loop(), asyncio.Queue[tuple[Mapping[str, Any], Future[Result]]]()
        task = asyncio.current_task()
        assert task is not None
        self._cancel = task.cancel
        try:
            async with Client(**self._of_client) as client:
                async for result in client.upscale(self._stream(), **self._of_call):
                    row = self._taken.pop(result.number or 0, None)
                    if row is not None:
                        self._open.discard(row)
                        row.set_result(result)
        finally:
            with self._lock:  # from here on nothing hears of a row any more
                self.is_over = True

    async def _stream(self) -> AsyncIterator[Mapping[str, Any]]:
        """The rows as they come. That the run asks for them says that all options are right."""
        self._begun.set_result(None)
        number = 0
        while True:
            source, row = await self._lines.get()
            number += 1
            self._taken[number] = row
            yield source

    def _finish(self, end: Exception) -> None:
        """Tell whoever waits."""
        with self._lock:
            self.is_over = True
            left = list(self._open)
        if not self._begun.done():
            self._begun.set_exception(end)
        for row in left:
            row.set_exception(end)


def _stopped() -> SeedvrError:
    return Interrupted("the worker was stopped", hint="the same batch again goes on")


def _cells(row: "Future[Result]") -> tuple[Any, ...]:
    """A row's values for `ADDED`, once it has ended."""
    try:
        result = row.result()
    except SeedvrError as error:  # a row that was never sent, or was given up: the ledger knows which
        charge = "none" if isinstance(error, BadLine) else None
        return (None, None, charge, None, None, None, error.code, error.message, error.hint)
    problem = result.error
    return (
        result.request_id,
        result.status,
        result.charge,
        result.price_usd,
        list(result.media_url) or None,
        [file.path if is_object_url(file.path) else os.path.abspath(file.path) for file in result.files] or None,
        problem and problem.code,
        problem and problem.message,
        problem and problem.hint,
    )


def _columns_of(batch: Any, names: Iterable[str]) -> dict[str, list[Any]]:
    """The values of these columns; UsageError where there is none of that name."""
    there = _names(batch)
    missing = [name for name in names if name not in there]
    if missing:
        raise UsageError(f"the batch has no column {missing[0]!r}{nearest(missing[0], map(str, there))}")
    return {name: _values(batch[name]) for name in names}


def _names(batch: Any) -> list[Any]:
    return list(batch if isinstance(batch, Mapping) else getattr(batch, "column_names", None) or batch.columns)


def _values(column: Any) -> list[Any]:
    """A column as a list: of pyarrow, of numpy and pandas, or what is one."""
    for name in ("to_pylist", "tolist"):
        if hasattr(column, name):
            return list(getattr(column, name)())
    return list(column)


def _plain(value: Any) -> Any:
    """A value of a table as JSON has it; None for what stands for a missing one."""
    if hasattr(value, "tolist"):  # numpy's own, in a column of objects
        value = value.tolist()
    if isinstance(value, float) and value.is_integer():  # a column with a gap has no whole numbers
        return int(value)
    try:
        return None if value != value else value  # noqa: PLR0124 - so is NaN known, whatever its type
    except TypeError:  # pandas' NA says neither
        return None
    except ValueError:  # an array, which is no single value
        return value


def _with_columns(batch: Any, added: Mapping[str, list[Any]]) -> Any:
    """The batch, and behind its columns these, under names that it does not have."""
    taken = set(_names(batch))
    names = {name: _free_name(name, taken) for name in added}
    named = {names[name]: values for name, values in added.items()}
    if isinstance(batch, Mapping):
        return {**batch, **named}
    if hasattr(batch, "assign"):
        return batch.assign(**named)
    # Columns of Arrow are typed, and files of them that are to be read together want the same: also where all is None.
    typed = type(batch).from_pydict({name: [*values, _EXAMPLES[name]] for name, values in added.items()})
    for name in added:
        batch = batch.append_column(names[name], typed.column(name).slice(0, batch.num_rows))
    return batch


def _free_name(name: str, taken: set[Any]) -> str:
    return _free_name(PREFIX + name, taken) if name in taken else name
