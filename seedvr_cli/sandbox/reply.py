"""What the world answers with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seedvr_cli.sandbox.job import Job

HTML_PAGE = "<!DOCTYPE html>\n<html><head><title>Sandbox fault</title></head><body><h1>{}</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON object, or a text as it is.

    `job`: the job that this is about, if any. `cut`: close the connection in place of answering. `held`: answer when
    the job is terminal, with its status body. `bytes_per_second`: None is as fast as it can be.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | str = ""
    job: Job | None = None
    cut: bool = False
    held: bool = False
    bytes_per_second: int | None = None


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """How one download goes.

    `instead`: an answer in place of the file. `bytes_per_second`: None is as fast as it can be.
    """

    instead: Reply | None = None
    empty: bool = False
    moved: bool = False
    cut: bool = False
    ranges: bool = True
    bytes_per_second: int | None = None


def problem(status: int, error: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    """A refusal in the gateway's form (reference: Error Responses)."""
    return Reply(status, headers or {}, {"error": error, "message": message})


def page(status: int, title: str) -> Reply:
    """What a proxy in front of the gateway would say."""
    return Reply(status, {"Content-Type": "text/html"}, HTML_PAGE.format(title))


def cut(job: Job | None = None) -> Reply:
    """No answer at all."""
    return Reply(0, job=job, cut=True)
