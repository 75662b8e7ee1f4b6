"""Where files of this machine go, so that the gateway can read them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Where files go: a bucket (`url`, with its `endpoint` and `region` where those are not the environment's).

    Or a `command` that prints a URL. `keep` leaves objects where they are when their job is done.
    """

    url: str | None = None
    command: str | None = None
    endpoint: str | None = None
    region: str | None = None
    keep: bool = False
