"""The boards that there are, by their URLs, and what a person settles on one."""

from collections.abc import Iterable

from seedvr_cli.ledger.board import Board
from seedvr_cli.ledger.records import in_state
from seedvr_cli.values.errors import LedgerError, UsageError


def find_board(url: str) -> Board:
    """The board at that URL; UsageError where there is no such kind, or its library is not installed."""
    scheme = url.partition("://")[0]
    kind, extra = ("an object store", "bucket") if scheme in {"s3", "gs", "az"} else ("PostgreSQL", "postgres")
    try:
        if extra == "bucket":
            from seedvr_cli.ledger.bucket import BucketBoard

            return BucketBoard(url)
        from seedvr_cli.ledger.postgres import PostgresBoard

        return PostgresBoard(url)
    except ImportError as error:
        hint = f"pip install 'seedvr-cli[{extra}]'"
        raise UsageError(f"a shared ledger in {kind} needs one package more", hint=hint) from error


async def set_free(board: Board, keys: Iterable[str]) -> None:
    """The user has settled what was never answered: any machine may submit it again."""
    for key, record in (await board.look(list(keys))).items():
        if record.state not in {"unknown", "submitting"}:
            continue
        is_held = record.state == "submitting" and await board.is_alive(record.run)
        settled = in_state(record, "free")
        while settled.state == "unknown":  # what was there before is settled with it
            settled = in_state(settled, "free")
        if is_held or await board.post(settled) is None:
            raise LedgerError(f"another run may be at work on {record.facts.get('source') or key}",
                              hint="the same command again, in a minute, looks again")  # fmt: skip
