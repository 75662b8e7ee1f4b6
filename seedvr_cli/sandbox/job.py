"""One job of the sandbox: what was decided at its submission, and how it looks at any instant after that."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from seedvr_cli.values.catalog import COMPLETED, ENDPOINTS, TERMINAL
from seedvr_cli.values.schedule import iso

QUEUED, PROCESSING = "QUEUED", "PROCESSING"
# A word that no client can know (fault odd-status).
ODD_STATUS = "WARMING_UP"
# A fate that is none of the gateway's words: the job never ends (fault stuck).
STUCK = "STUCK"

# How media URLs end where the endpoint has one type for all results (reference: output.media_url of 3B pictures).
BLUNT_EXTENSION = "ext"
# Of a result that nobody could name.
UNKNOWN_TYPE = "application/octet-stream"


@dataclass(slots=True)
class Job:
    """One accepted submission. Instants are seconds since 1970; `price` is millionths of a dollar.

    Fate and timing are decided at submission. `finished_at`, `file`, `media_type` and `error` come with the result;
    `announced` is True once the webhooks of the terminal status are on their way.
    """

    request_id: str
    endpoint: str
    source: str
    params: dict[str, Any]
    seed: int
    price: int
    created_at: float
    queued_until: float
    due_at: float
    fate: str
    odd: bool = False
    copies: int = 1
    bare: bool = False
    instant: bool = False
    inline: bool = False
    webhook_url: str | None = None
    webhook_mode: str = "terminal"
    body_webhook: str | None = None
    body_events: list[str] = field(default_factory=list)
    webhook_copies: int = 1
    finished_at: float | None = None
    file: str | None = None
    media_type: str | None = None
    error: str | None = None
    announced: bool = False

    @property
    def wants_result(self) -> bool:
        """Whether somebody has yet to make the result."""
        return self.finished_at is None and self.fate != STUCK

    @property
    def wants_webhook(self) -> bool:
        """Whether somebody is to be called at the end, and has not been."""
        return not self.announced and (self.webhook_url is not None or self.body_webhook is not None)

    @property
    def shown_type(self) -> str:
        """The media type as answers have it (reference: output.media_type)."""
        return ENDPOINTS[self.endpoint].result_type or self.media_type or UNKNOWN_TYPE

    @property
    def media_names(self) -> list[str]:
        """File names as the media URLs have them; all of them stand for `file` (reference: output.media_url)."""
        is_blunt = ENDPOINTS[self.endpoint].result_type is not None
        extension = BLUNT_EXTENSION if is_blunt else (self.file or "").rpartition(".")[2]
        return [f"output.{extension}", *(f"output-{number}.{extension}" for number in range(2, self.copies + 1))]

    def word(self, now: float) -> str:
        """The status at that instant (reference: Status Values)."""
        if now >= self.due_at and self.finished_at is not None:
            return self.fate
        if now < self.queued_until:
            return QUEUED
        return ODD_STATUS if self.odd and now < self._two_thirds else PROCESSING

    def next_change(self, now: float) -> float | None:
        """The next instant at which the clock alone changes the status, or None where the result is waited for."""
        instants = (self.queued_until, self._two_thirds, self.due_at)
        return min((instant for instant in instants if instant > now), default=None)

    def view(self, now: float, host: str) -> dict[str, Any]:
        """The status body, as polls and webhooks show it (reference: Response Fields). `host` is where media are."""
        word = self.word(now)
        ended = max(self.due_at, self.finished_at or 0) if word in TERMINAL else None
        output = None
        if word == COMPLETED:
            base = f"http://{host}/media/{self.request_id}/"
            output = {"media_url": [base + name for name in self.media_names], "media_type": self.shown_type}
        endpoint = ENDPOINTS[self.endpoint]
        stamp = _with_space if endpoint.has_spaced_stamps else _iso
        return {
            "request_id": self.request_id,
            "status": word,
            "model_id": endpoint.model_id,
            "error": None if ended is None else self.error,
            "output": output,
            "created_at": _iso(self.created_at),
            "updated_at": stamp(self._last_change(word) if ended is None else ended),
            "completed_at": None if ended is None else stamp(ended),
        }

    @property
    def _two_thirds(self) -> float:
        return self.created_at + (self.due_at - self.created_at) * 2 / 3

    def _last_change(self, word: str) -> float:
        if word == QUEUED:
            return self.created_at
        return self._two_thirds if self.odd and word == PROCESSING else self.queued_until


def _iso(instant: float) -> str:
    return iso(datetime.fromtimestamp(instant, UTC))


def _with_space(instant: float) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%d %H:%M:%S}"
