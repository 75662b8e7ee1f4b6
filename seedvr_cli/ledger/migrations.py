"""The ledger's tables, as the list of steps that made them; each is recorded in the transaction that does it.

`PRAGMA user_version` is the number of steps that were done, so that an older seedvr refuses a newer ledger. A step that
was released is never changed: what comes later is one more step.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from seedvr_cli.ledger.rows import now
from seedvr_cli.ledger.runs import live_runs
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import LedgerError
from seedvr_cli.values.request import identifying_params, job_key
from seedvr_cli.values.system import replace
from seedvr_cli.values.urls import url_identity


@dataclass(frozen=True, slots=True)
class Migration:
    """One step. `apply` runs within a transaction that is not its own."""

    name: str
    apply: Callable[[sqlite3.Connection], None]


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the ledger at `path` up to date.

    A ledger that holds anything is first copied to `ledger.sqlite3.version-N` beside it. Raises LedgerError where it is
    a newer seedvr's, or where a run of an older one still writes to it.
    """
    if _version(connection) >= len(MIGRATIONS):
        _refuse_newer(connection, path)
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have been faster
        if version:
            _refuse_newer(connection, path)
        if 0 < version < len(MIGRATIONS):
            if live_runs(os.path.join(os.path.dirname(path), "runs")):
                raise LedgerError(  # noqa: TRY301 - the transaction is ended below in any case
                    f"the ledger {path} is to be brought up to date, and another seedvr is at work with it",
                    hint="wait for that to end, then run the same command again",
                )
            _copy(path, f"{path}.version-{version}")
        for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
            migration.apply(connection)
            connection.execute(
                "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT, done_at REAL)"
            )
            connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number, migration.name, now()))
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_newer(connection: sqlite3.Connection, path: str) -> None:
    if _version(connection) > len(MIGRATIONS):
        raise LedgerError(f"{path} was written by a newer seedvr", hint="update seedvr")


def _copy(path: str, aside: str) -> None:
    """The ledger as it was, whole or not there; readers do not mind the transaction that is open."""
    part = f"{aside}.part"
    if os.path.exists(part):
        os.unlink(part)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
    os.chmod(part, 0o600)
    replace(part, aside)


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in _FIRST_TABLES.split(";\n"):
        connection.execute(statement)


def _rename_keys(connection: sqlite3.Connection) -> None:
    """The same source in two spellings becomes one, and what says nothing of the result leaves the key (cli.md)."""
    connection.execute("ALTER TABLE jobs ADD COLUMN key_name TEXT")
    rows = connection.execute("SELECT id, key, gateway, endpoint, source, params FROM jobs").fetchall()
    for row in rows:
        key = _new_key(row)
        if key is not None and key != row["key"]:
            connection.execute("UPDATE jobs SET key = ? WHERE id = ?", (key, row["id"]))


def _add_clocks(connection: sqlite3.Connection) -> None:
    """`submitted_at` stays ours from now on; what earlier versions put there over ours cannot be told any more."""
    connection.execute("ALTER TABLE jobs ADD COLUMN created_at REAL")
    connection.execute("ALTER TABLE jobs ADD COLUMN ended_at REAL")


def _add_shortcuts(connection: sqlite3.Connection) -> None:
    """What is asked again and again costs the same in a ledger of years: partial indexes, and each day's sum.

    Triggers keep the sums, in the transaction of whatever changes them.
    """
    for statement in _SHORTCUTS.split(";;\n"):
        connection.execute(statement)


def _add_calls(connection: sqlite3.Connection) -> None:
    """The claim in the address that the gateway calls, the id that it told there, who passes that on, and when."""
    for column in ("claim TEXT", "told TEXT", "heard_at REAL", "listener TEXT"):
        connection.execute(f"ALTER TABLE jobs ADD COLUMN {column}")
    connection.execute("CREATE INDEX jobs_called ON jobs (gateway, id) WHERE claim IS NOT NULL AND heard_at IS NULL")


def _add_seen(connection: sqlite3.Connection) -> None:
    """What a source's server said of its version when it was looked at, as JSON; of earlier jobs nobody knows."""
    connection.execute("ALTER TABLE jobs ADD COLUMN seen TEXT")


def _add_tags(connection: sqlite3.Connection) -> None:
    """The user's labels of each job, what was spent under each of them, and when the gateway was last asked.

    Ids are found by what stands behind the endpoint's name in them, too.
    """
    for statement in _TAGS.split(";;\n"):
        connection.execute(statement)


def _add_pieces(connection: sqlite3.Connection) -> None:
    """Which bytes of a `.part` are there, where they did not come one after the other."""
    connection.execute("ALTER TABLE deliveries ADD COLUMN pieces TEXT")


def _add_places(connection: sqlite3.Connection) -> None:
    """The folder that a local source's path is from, and what was made of each delivered file; NULL: nobody knows."""
    connection.execute("ALTER TABLE jobs ADD COLUMN folder TEXT")
    connection.execute("ALTER TABLE deliveries ADD COLUMN made TEXT")


def _add_sizes(connection: sqlite3.Connection) -> None:
    """Results are found by their size, wherever they were moved."""
    connection.execute("CREATE INDEX deliveries_by_size ON deliveries (bytes) WHERE bytes IS NOT NULL")


def _leave_out_others(connection: sqlite3.Connection) -> None:
    """What another machine has paid for counts there."""
    for statement in _OTHERS.split(";;\n"):
        connection.execute(statement)


def _new_key(row: sqlite3.Row) -> str | None:
    """None where it cannot be told: the job of another machine, an endpoint or a file that is no more."""
    endpoint = ENDPOINTS.get(row["endpoint"] or "")
    source = row["source"]
    if endpoint is None or source is None:
        return None
    params = json.loads(row["params"])
    identifying = identifying_params(endpoint, params)
    if "://" in source:
        try:
            return job_key(row["gateway"], endpoint.name, identifying, url_identity(source))
        except ValueError:
            return None
    identity = _file_identity(source)
    if identity is None:
        return None
    all_params = json.dumps(params, sort_keys=True, separators=(",", ":"))
    if job_key(row["gateway"], endpoint.name, all_params, identity) != row["key"]:
        return None  # another file is there by now
    return job_key(row["gateway"], endpoint.name, identifying, identity)


def _file_identity(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except (OSError, ValueError):
        return None


_FIRST_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, gateway TEXT NOT NULL, endpoint TEXT, source TEXT,
  name TEXT NOT NULL, params TEXT NOT NULL, output TEXT, price INTEGER, profile TEXT NOT NULL, run TEXT,
  state TEXT NOT NULL, status TEXT, request_id TEXT, media_url TEXT, media_type TEXT, error TEXT, extra TEXT,
  submitted_at REAL, completed_at REAL);
CREATE INDEX IF NOT EXISTS jobs_by_key ON jobs (key, id);
CREATE INDEX IF NOT EXISTS jobs_by_request ON jobs (request_id);
CREATE INDEX IF NOT EXISTS jobs_by_time ON jobs (submitted_at);
CREATE TABLE IF NOT EXISTS deliveries (
  job INTEGER NOT NULL REFERENCES jobs (id), position INTEGER NOT NULL, path TEXT NOT NULL, run TEXT NOT NULL,
  replaces INTEGER NOT NULL, etag TEXT, bytes INTEGER, sha256 TEXT, mtime_ns INTEGER, media_type TEXT,
  width INTEGER, height INTEGER, done_at REAL, PRIMARY KEY (job, position, path));
CREATE INDEX IF NOT EXISTS deliveries_by_path ON deliveries (path);
"""

# A job's share of its day (UTC): its list price, unless it ended ERROR.
_SHARE = "CASE WHEN {row}.state = 'error' OR {row}.submitted_at IS NULL THEN 0 ELSE coalesce({row}.price, 0) END"
_DAY = "CAST({row}.submitted_at / 86400 AS INTEGER)"


def _day_triggers(share: str) -> str:
    """They keep the sum of each day, of such shares."""
    return f"""CREATE TRIGGER share_of_new AFTER INSERT ON jobs BEGIN {_add_share("NEW", "", share)}; END;;
CREATE TRIGGER share_of_gone AFTER DELETE ON jobs BEGIN {_add_share("OLD", "-", share)}; END;;
CREATE TRIGGER share_of_changed AFTER UPDATE OF state, price, submitted_at, gateway ON jobs
  WHEN {share.format(row="OLD")} != {share.format(row="NEW")}
    OR OLD.submitted_at IS NOT NEW.submitted_at OR OLD.gateway != NEW.gateway
  BEGIN {_add_share("OLD", "-", share)}; {_add_share("NEW", "", share)}; END"""


def _add_share(row: str, sign: str, share: str) -> str:
    """Statement of a trigger: this row's share goes to its day, or leaves it."""
    day, share = _DAY.format(row=row), share.format(row=row)
    return f"""INSERT INTO days (gateway, day, spent)
      SELECT {row}.gateway, {day}, {sign}share FROM (SELECT {share} AS share) WHERE share != 0
      ON CONFLICT (gateway, day) DO UPDATE SET spent = spent + excluded.spent"""  # noqa: S608 - our own text


_SHORTCUTS = f"""
CREATE INDEX jobs_completed ON jobs (endpoint, gateway, id) WHERE state = 'completed';;
CREATE INDEX jobs_in_the_air ON jobs (id) WHERE state IN ('reserved', 'submitting');;
CREATE INDEX jobs_unknown ON jobs (gateway, id) WHERE state = 'unknown';;
CREATE TABLE days (gateway TEXT NOT NULL, day INTEGER NOT NULL, spent INTEGER NOT NULL, PRIMARY KEY (gateway, day));;
INSERT INTO days SELECT gateway, {_DAY.format(row="jobs")}, sum({_SHARE.format(row="jobs")}) FROM jobs
  WHERE submitted_at IS NOT NULL GROUP BY 1, 2;;
{_day_triggers(_SHARE)}
"""  # noqa: S608 - our own text


def _tag_triggers(share: str) -> str:
    """They keep the sum of each tag, of such shares."""
    new, gone = _add_tagged_share("NEW", "", share), _add_tagged_share("OLD", "-", share)
    return f"""CREATE TRIGGER tagged_new AFTER INSERT ON jobs WHEN NEW.tags IS NOT NULL BEGIN {new}; END;;
CREATE TRIGGER tagged_gone AFTER DELETE ON jobs WHEN OLD.tags IS NOT NULL BEGIN {gone}; END;;
CREATE TRIGGER tagged_changed AFTER UPDATE OF state, price, submitted_at, gateway, tags ON jobs
  WHEN (OLD.tags IS NOT NULL OR NEW.tags IS NOT NULL) AND ({share.format(row="OLD")} != {share.format(row="NEW")}
    OR OLD.tags IS NOT NEW.tags OR OLD.gateway != NEW.gateway)
  BEGIN {gone}; {new}; END"""


def _add_tagged_share(row: str, sign: str, share: str) -> str:
    """Statement of a trigger: this row's share goes to each of its tags, or leaves them."""
    return f"""INSERT INTO tags (gateway, tag, spent)
      SELECT {row}.gateway, value, {sign}share FROM json_each({row}.tags), (SELECT {share.format(row=row)} AS share)
      WHERE share != 0
      ON CONFLICT (gateway, tag) DO UPDATE SET spent = spent + excluded.spent"""  # noqa: S608 - our own text


_TAGS = f"""
ALTER TABLE jobs ADD COLUMN tags TEXT;;
ALTER TABLE jobs ADD COLUMN asked_at REAL;;
CREATE INDEX jobs_tagged ON jobs (gateway, id) WHERE tags IS NOT NULL;;
CREATE INDEX jobs_by_tail ON jobs (substr(request_id, instr(request_id, '_') + 1)) WHERE request_id IS NOT NULL;;
CREATE TABLE tags (gateway TEXT NOT NULL, tag TEXT NOT NULL, spent INTEGER NOT NULL, PRIMARY KEY (gateway, tag));;
{_tag_triggers(_SHARE)}
"""

# What another machine has paid for has no run here, and no share.
_OWN_SHARE = f"CASE WHEN {{row}}.run IS NULL THEN 0 ELSE {_SHARE} END"
_OTHERS = f"""
INSERT INTO days SELECT gateway, {_DAY.format(row="jobs")}, -sum({_SHARE.format(row="jobs")}) FROM jobs
  WHERE run IS NULL AND submitted_at IS NOT NULL GROUP BY 1, 2
  ON CONFLICT (gateway, day) DO UPDATE SET spent = spent + excluded.spent;;
INSERT INTO tags SELECT jobs.gateway, value, -sum({_SHARE.format(row="jobs")}) FROM jobs, json_each(jobs.tags)
  WHERE run IS NULL GROUP BY 1, 2
  ON CONFLICT (gateway, tag) DO UPDATE SET spent = spent + excluded.spent;;
DROP TRIGGER share_of_new;;
DROP TRIGGER share_of_gone;;
DROP TRIGGER share_of_changed;;
DROP TRIGGER tagged_new;;
DROP TRIGGER tagged_gone;;
DROP TRIGGER tagged_changed;;
{_day_triggers(_OWN_SHARE)};;
{_tag_triggers(_OWN_SHARE)}
"""  # noqa: S608 - our own text

MIGRATIONS = (
    Migration("tables for jobs and deliveries", _make_tables),
    Migration("keys by what identifies a source, names of the user's own", _rename_keys),
    Migration("the gateway's clock beside ours", _add_clocks),
    Migration("shortcuts: partial indexes, and the sum of each day", _add_shortcuts),
    Migration("callbacks: claims, what was told, and what was passed on", _add_calls),
    Migration("the version of a source that was paid for", _add_seen),
    Migration("tags, what is spent under each, and when the gateway was last asked", _add_tags),
    Migration("the pieces of large results", _add_pieces),
    Migration("the folder of a source, and what was made of a file", _add_places),
    Migration("results by their size", _add_sizes),
    Migration("what other machines have paid for is in no sum", _leave_out_others),
)
