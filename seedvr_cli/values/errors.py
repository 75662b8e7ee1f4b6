"""Everything that can go wrong, as a tree.

    SeedvrError
    ├── UsageError           2   found before anything was submitted
    ├── KeyMissing           3   no key anywhere
    ├── KeyRefused           3   the gateway answered 401 or 403
    ├── BalanceError         4   the gateway answered 402
    ├── CostCapReached       4   --max-cost, or one of max-cost-per-day, -month, -tag
    ├── GatewayError         5   a 500, or an answer that is not the gateway's
    │   └── Busy             5   429, or 503 with Retry-After: refused for now
    ├── NetworkError         5   no connection
    │   └── NotSent          5   it was never made: nothing was submitted
    ├── StillRunning         6   --timeout ended the waiting
    ├── OutcomeUnknown       7   the answer to a submission was lost
    ├── NotSubmitted             because of what happened to another job, with that one's code
    │   └── TakenOver            another machine has taken what waited to be sent again
    ├── BadLine              1   a line of a list on standard input
    ├── RequestRefused       1   the gateway answered 400 or such
    │   └── NotFound         1   404
    ├── JobFailed            1   FAILED or ERROR
    ├── SourceRefused        1   a look at the source shows that nothing can come of it
    ├── UploadError          1   a file of this machine cannot be brought where the gateway reads it
    ├── DeliveryError        1   the result could not be fetched, checked or written
    │   ├── RangeRefused     1   416, or another range than was asked for
    │   ├── MediaGone        1   403, 404 or 410: its URL may have expired
    │   └── NoPlace          1   the disk is full, or the folder cannot be written to
    ├── LedgerError          1   the ledger cannot be read or written
    │   └── LedgerAway       1   the one that machines share, which may be there again in a minute
    ├── OutputLost           1   standard output cannot be written to
    ├── Unforeseen           1   a bug, in one item
    └── Interrupted        130   Ctrl-C (143 for SIGTERM)

Each class carries `code` (for scripts), `exit_code` (of the command) and a `hint` (what to do next).
"""

from collections.abc import Iterable, Mapping

KEYS_PAGE = "https://api-console.pixazo.ai/api_keys"
WALLET_PAGE = "https://api-console.pixazo.ai/dashboard"

# Which exit code a command ends with where several hold; everything else comes after these.
PRECEDENCE = (130, 143, 7, 3, 4, 5, 6, 1, 2)

# Each exit code: what it means, and what to do next. Help, the manuals, the README and the skill show them.
EXIT_CODES: Mapping[int, tuple[str, str]] = {
    0: ("everything asked for is done", "nothing"),
    1: (
        "a job failed, or its result could not be delivered",
        "read the message of each source; 'seedvr download' delivers what is paid for, --retry-failed submits again",
    ),
    2: ("bad usage; nothing was submitted", "mend the command line: the message says where"),
    3: ("no key, or the gateway refused it", "'seedvr config set api-key' or SEEDVR_API_KEY; --sandbox needs none"),
    4: (
        "money: the balance, --max-cost, or max-cost-per-day, -month or -tag",
        "add money or raise the limit, then run the same command again",
    ),
    5: ("the gateway or the network is not to be had", "run the same command again later"),
    6: (
        "--timeout ended the waiting; the job goes on, and the same command picks it up",
        "run the same command again, or 'seedvr download'",
    ),
    7: (
        "a submission was never answered: it may be charged, and is not sent again without --new",
        "'seedvr status --unknown' lists them; look at the gateway's own pages, then settle them with 'seedvr forget'",
    ),
    130: ("interrupted (Ctrl-C); the same command goes on", "run the same command again"),
    143: ("interrupted (SIGTERM); the same command goes on", "run the same command again"),
}


class SeedvrError(Exception):
    """One line for the user, an exit code for the script."""

    code = "error"
    exit_code = 1
    hint: str | None = None

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint
        if code is not None:
            self.code = code


class UsageError(SeedvrError):
    """It quotes what the user wrote, but for what a URL has in it that lets somebody in."""

    code = "usage"
    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        if "://" in message:
            from seedvr_cli.values.redaction import with_bare_urls

            message = with_bare_urls(message)
        super().__init__(message, hint=hint, code=code)


class KeyMissing(SeedvrError):
    code = "no_key"
    exit_code = 3
    hint = f"run 'seedvr config set api-key' or set SEEDVR_API_KEY; make a key at {KEYS_PAGE}; --sandbox needs none"


class KeyRefused(SeedvrError):
    code = "key_refused"
    exit_code = 3
    hint = f"check the key at {KEYS_PAGE}; 'seedvr config list' shows where it comes from; --sandbox needs none"


class BalanceError(SeedvrError):
    code = "balance"
    exit_code = 4
    hint = f"add money at {WALLET_PAGE}, then run the same command again"


class CostCapReached(SeedvrError):
    code = "max_cost"
    exit_code = 4


class GatewayError(SeedvrError):
    code = "gateway"
    exit_code = 5
    hint = "run the same command again later"


class Busy(GatewayError):
    """429, or 503 with Retry-After: refused for now. `wait` is what the server asks for, in seconds."""

    code = "busy"

    def __init__(self, message: str, wait: float | None) -> None:
        super().__init__(message)
        self.wait = wait


class NetworkError(SeedvrError):
    code = "network"
    exit_code = 5
    hint = "check the connection, the proxy and --base-url, then run the same command again"


class NotSent(NetworkError):
    """The connection was never made: nothing was submitted. `is_lasting`: another try would end the same."""

    def __init__(self, message: str, *, hint: str | None = None, is_lasting: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.is_lasting = is_lasting


class StillRunning(SeedvrError):
    code = "still_running"
    exit_code = 6
    hint = "the job goes on; the same command again picks it up"


class OutcomeUnknown(SeedvrError):
    code = "unknown_outcome"
    exit_code = 7
    hint = "it may have been charged, and is not sent again without --new or 'seedvr forget'"


class RequestRefused(SeedvrError):
    code = "refused"
    exit_code = 1


class NotFound(RequestRefused):
    """404: the gateway knows no job of that id, or nothing at that address."""


class JobFailed(SeedvrError):
    code = "job_failed"
    exit_code = 1


class BadLine(SeedvrError):
    code = "bad_line"
    hint = "nothing was submitted for it"


class NotSubmitted(SeedvrError):
    """Not sent because of what happened to another job; has that one's code."""

    def __init__(self, cause: SeedvrError) -> None:
        super().__init__(f"not submitted: {cause.message}", code=cause.code, hint=cause.hint)
        self.exit_code = cause.exit_code


class SourceRefused(SeedvrError):
    """A look at the source, before anything was paid, shows that the gateway could not do what is asked for."""

    code = "source"
    exit_code = 1
    hint = "nothing was submitted for it; --no-check submits it unseen"

    @classmethod
    def unreachable(cls, why: str) -> "SourceRefused":
        """Nobody answers for it, which may be the network's fault as well."""
        error = cls(f"it cannot be reached: {why}")
        error.exit_code = NetworkError.exit_code
        return error


class UploadError(SeedvrError):
    """A file of this machine cannot be brought where the gateway reads it. `is_lasting`: nor can any other."""

    code = "upload"
    exit_code = 1
    hint = "nothing was submitted for it; the same command again goes on"

    def __init__(self, message: str, *, hint: str | None = None, is_lasting: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.is_lasting = is_lasting


class DeliveryError(SeedvrError):
    code = "delivery"
    exit_code = 1
    hint = "it is paid for: 'seedvr download' tries again"


class RangeRefused(DeliveryError):
    """416, or another range than was asked for: to be asked for anew, from the first byte."""


class MediaGone(DeliveryError):
    """403, 404 or 410 from a media server: the file is gone, or the URL has expired."""

    hint = "it is paid for; if the URL has expired, --new is the only way to another, and pays again"


class NoPlace(DeliveryError):
    """Results cannot be written: the disk is full, or the folder is gone or closed. Nothing more is to be bought."""

    hint = "free the disk or the folder: it is paid for, and 'seedvr download' tries again"


class LedgerError(SeedvrError):
    code = "ledger"
    exit_code = 1


class TakenOver(NotSubmitted):
    """While a submission waited to be sent again, another machine has taken the job."""


class LedgerAway(LedgerError):
    """The one that machines share; it may be there again in a minute."""


class OutputLost(SeedvrError):
    code = "stdout"
    exit_code = 1


class Unforeseen(SeedvrError):
    """What nobody foresaw, in one item; the others go on."""

    code = "unforeseen"
    exit_code = 1
    hint = "what is paid for is in the ledger; the same command again goes on"

    def __init__(self, error: Exception) -> None:
        super().__init__(f"unforeseen error: {type(error).__name__}: {error}".splitlines()[0])


class Interrupted(SeedvrError):
    code = "interrupted"
    exit_code = 130


def worst_exit_code(codes: Iterable[int]) -> int:
    """The exit code of a command whose parts ended with these codes (cli.md, Exit codes)."""
    seen = set(codes) - {0}
    return next((code for code in PRECEDENCE if code in seen), 1 if seen else 0)
