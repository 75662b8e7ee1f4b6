"""What a run is asked to do, one thing at a time, and how each of them ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import SeedvrError
from seedvr_cli.values.job import Charge, File, Job, charge_of
from seedvr_cli.values.naming import Output
from seedvr_cli.values.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A request that is to be paid for at most once.

    `key` is what "the same request" means; `key_name` the user's own name for it, `tags` their labels. `line` is where
    it stood in a list, e.g. `urls.txt:3`, and `raw` that line itself, for --failed-file. `number` counts the lines of
    its list, or the sources of a call.
    """

    index: int
    key: str
    request: Request
    output: Output
    key_name: str | None = None
    tags: tuple[str, ...] = ()
    line: str | None = None
    raw: str | None = None
    number: int | None = None

    @property
    def source(self) -> str:
        """As the user wrote it."""
        return self.request.source.text

    @property
    def name(self) -> str:
        """The file name of the source."""
        return self.request.source.name

    @property
    def label(self) -> str:
        """What a row of the display is headed with."""
        return self.name

    @property
    def endpoint(self) -> str:
        """Our name of it."""
        return self.request.endpoint.name

    @property
    def params(self) -> Mapping[str, Any]:
        """The request's body without source and webhooks."""
        return self.request.params


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A job that was submitted before, and is to be waited for and delivered. Nothing is paid.

    `job` is the ledger's record; None for a job of another machine or program, of which only the id is known.
    `is_fresh`: the gateway was asked just now.
    """

    index: int
    request_id: str | None
    output: Output
    job: Job | None = None
    is_fresh: bool = False

    @property
    def key(self) -> str | None:
        """The job's identity, where it is known."""
        return self.job.key if self.job else None

    @property
    def key_name(self) -> str | None:
        """The user's own name for it."""
        return self.job.key_name if self.job else None

    @property
    def tags(self) -> tuple[str, ...]:
        """The user's labels of it."""
        return self.job.tags if self.job else ()

    @property
    def source(self) -> str | None:
        """As the user wrote it, where it is known."""
        return self.job.source if self.job else None

    @property
    def name(self) -> str:
        """The file name of the source, or for want of one the request id."""
        return self.job.name if self.job else self.request_id or ""

    @property
    def label(self) -> str:
        """What a row of the display is headed with."""
        return self.name if self.source else self.request_id or self.name

    @property
    def endpoint(self) -> str | None:
        """Our name of it, where it is known."""
        return self.job.endpoint if self.job else None

    @property
    def params(self) -> Mapping[str, Any]:
        """The request's body without source and webhooks, as far as it is known."""
        return self.job.params if self.job else {}


Item = Purchase | Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an item ended.

    `job` is what the ledger has, None where nothing was submitted; `answer` what the gateway says of a job that the
    ledger does not have. `resumed`: the ledger had it before; `skipped`: its files stood there already.
    """

    item: Item
    job: Job | None = None
    answer: Answer | None = None
    files: tuple[File, ...] = field(default=())
    error: SeedvrError | None = None
    resumed: bool = False
    skipped: bool = False

    @property
    def known(self) -> Job | Answer | None:
        """Whatever is known of the job beyond its request."""
        return self.job or self.answer

    @property
    def request_id(self) -> str | None:
        """The gateway's name of the job, where it has one."""
        if self.job:
            return self.job.request_id
        return self.item.request_id if isinstance(self.item, Attachment) else None

    @property
    def charge(self) -> Charge:
        """What is known of the charge (cli.md, The JSON object)."""
        if self.job:
            return self.job.charge
        if isinstance(self.item, Purchase):
            return "none"
        return charge_of(self.answer.status if self.answer else None)
