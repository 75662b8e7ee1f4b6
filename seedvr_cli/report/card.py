"""What the page shows of a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from seedvr_cli.values.job import Charge

CardState = Literal["done", "failed", "unknown", "running"]


@dataclass(frozen=True, slots=True)
class Shot:
    """A small picture, or a clip, as it goes into the page; pixels."""

    media_type: str
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture: its place as shares of the whole (0-1), and the pixels it has at 1:1 in the result."""

    left: float
    top: float
    width: float
    height: float
    pixels: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """A file as the page shows it: its own size in pixels, the whole made small, and a region at 1:1."""

    width: int
    height: int
    whole: Shot
    region: Region | None = None
    detail: Shot | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """The source or the result. `note` says why there is nothing to see, or what is to be known of it."""

    name: str = ""
    bytes: int | None = None
    look: Look | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A job. `price` in millionths of a dollar, `seconds` from its submission to its end; `others` are more files."""

    name: str
    state: CardState
    endpoint: str | None = None
    request_id: str | None = None
    status: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    price: int | None = None
    charge: Charge = "none"
    started_at: datetime | None = None
    seconds: float | None = None
    error: str | None = None
    before: Side = Side()
    after: Side = Side()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All jobs together. `listed` and `maybe` in millionths of a dollar; `seconds` how long each took that ended."""

    gateway: str
    made_at: datetime
    jobs: int
    counts: Mapping[CardState, int]
    listed: int
    maybe: int
    bytes: int
    seconds: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
