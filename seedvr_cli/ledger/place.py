"""Where the ledger stands, and what stands beside it. Loads no SQLite, as most looks find no ledger yet."""

import os


def ledger_path(folder: str) -> str:
    """The ledger of a state folder."""
    return os.path.join(folder, "ledger.sqlite3")


def marker_path(path: str) -> str:
    """An empty file beside the ledger which says that there is one: a ledger that is missing is no new ledger."""
    return f"{path}.exists"


def damaged_path(path: str) -> str:
    """Where a damaged ledger is set aside."""
    return f"{path}.damaged"


def boards_path(path: str) -> str:
    """The ids of the boards that know what this ledger has, a line each."""
    return f"{path}.boards"


def known_boards(path: str) -> set[str]:
    """Those ids."""
    try:
        with open(boards_path(path), encoding="utf-8") as file:
            return set(file.read().split())
    except FileNotFoundError:
        return set()


def debts_path(path: str, board: str) -> str:
    """That it is there says that the board of that id is to be told more of what this ledger has.

    What this ledger has not, as nothing came of it, stands in it: a record a line.
    """
    return f"{path}.owed-{board}"


def owe(path: str, board: str, records: str = "") -> None:
    """That board is to be told more."""
    file = os.open(debts_path(path, board), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, records.encode())
    finally:
        os.close(file)


def is_there(folder: str) -> bool:
    """Whether there is a ledger, or was one."""
    path = ledger_path(folder)
    return any(map(os.path.exists, (path, marker_path(path), damaged_path(path))))
