"""What an answer of the gateway or of a media server says."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seedvr_cli.gateway.transport import Incoming, Reply
from seedvr_cli.values.answer import Answer, Stream
from seedvr_cli.values.errors import RangeRefused
from seedvr_cli.values.redaction import without_queries
from seedvr_cli.values.schedule import parse_timestamp
from seedvr_cli.values.version import Version

# Characters of an error body that are worth a line.
LONGEST_MESSAGE = 300
# Characters of a word of the gateway's, and of an error; of an id, which has to fit into a URL.
LONGEST_WORD = 200
LONGEST_ERROR = 1 << 16
LONGEST_ID = 4096
# Characters, as JSON, of what an answer says beside what is documented.
LARGEST_EXTRA = 1 << 16
# Digits of a whole number that is one; more are kept as text.
LONGEST_INTEGER = 300
# Digits of a length in bytes: more than any disk has.
LONGEST_LENGTH = 18
# Levels of lists and objects in an answer that are read; what is deeper would end Python's recursion further on.
DEEPEST = 64
# Characters of an error body that are looked at for that line.
_LONGEST_LOOK = 20_000
# Wrappers around an answer that are looked through: `[...]`, `{"data": ...}`.
WRAPPERS = 3

_KNOWN_FIELDS = frozenset(
    {"request_id", "status", "model_id", "error", "output", "created_at", "updated_at", "completed_at", "polling_url"}
)


def parse_answer(body: Any) -> Answer | None:
    """An Answer from the JSON that submissions, polls and callbacks share; None where it is about no job.

    It is about a job only if it names its request id.
    """
    body = _unwrapped(body)
    request_id = _request_id(body)
    if request_id is None:
        return None
    status = as_text(body.get("status"))
    output, error = body.get("output"), body.get("error")
    extra = {key: value for key, value in body.items() if key not in _KNOWN_FIELDS}
    rest = _without_media(output)
    return Answer(
        request_id=request_id,
        status="QUEUED" if status is None else status.strip().upper()[:LONGEST_WORD],
        media_url=_media_urls(output),
        media_type=(as_text(output.get("media_type")) or "")[:LONGEST_WORD] or None
        if isinstance(output, dict)
        else None,
        error=None if error is None else without_queries(_as_words(error))[:LONGEST_ERROR],
        created_at=parse_timestamp(body.get("created_at")),
        completed_at=parse_timestamp(body.get("completed_at")),
        model_id=as_text(body.get("model_id")),
        extra=_within(LARGEST_EXTRA, {**extra, **({"output": rest} if rest else {})}),
    )


def _as_words(value: Any) -> str:
    return json.dumps(value) if (text := as_text(value)) is None else text


def _within(largest: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the fields that fit into so many characters of JSON, in their order."""
    kept, size = {}, 0
    for name, value in fields.items():
        length = len(json.dumps({name: value}))
        if size + length <= largest:
            size += length
            kept[name] = value
    return kept


def _unwrapped(body: Any) -> dict[str, Any]:
    """The object that the answer is, out of a list or an envelope around it."""
    for _ in range(WRAPPERS):
        if isinstance(body, list) and len(body) == 1:
            body = body[0]
        elif isinstance(body, dict) and "request_id" not in body and isinstance(body.get("data"), dict | list):
            body = body["data"]
    return body if isinstance(body, dict) else {}


def _request_id(body: Mapping[str, Any]) -> str | None:
    value = body.get("request_id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = (as_text(value) or "").strip()
    return text if 0 < len(text) <= LONGEST_ID else None


def _media_urls(output: Any) -> tuple[str, ...]:
    """What `media_url` names; where that is missing or of another shape, whatever in the output is a URL."""
    media = output.get("media_url") if isinstance(output, dict) else None
    words = [media] if isinstance(media, str) else media
    urls = [url for url in map(as_text, words if isinstance(words, list) else ()) if url]
    return tuple(dict.fromkeys(urls or _urls_in(output)))


def _urls_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.lower().startswith(("https://", "http://", "data:")):
            yield as_text(value) or ""
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _urls_in(inner)


def _without_media(output: Any) -> Any:
    """What an output says beside its media."""
    if isinstance(output, dict):
        return {key: value for key, value in output.items() if key not in {"media_url", "media_type"}}
    return output


def read_stream(incoming: Incoming, offset: int, end: int | None = None) -> Stream:
    """A body that was asked for from `offset` on (to before `end`), and where it really begins.

    Raises RangeRefused for another part than that. One with an `end` has to say so, and its length.
    """
    headers = incoming.headers
    encoded = _is_encoded(headers)
    length = None if encoded else read_number(headers.get("content-length", ""))
    begin, total = 0, length
    if incoming.status == 206:
        unit, _, rest = headers.get("content-range", "").partition(" ")
        span, _, size = rest.partition("/")
        first, _, last = span.partition("-")
        is_asked = unit.lower() == "bytes" and read_number(first) == offset
        if end is not None:
            is_asked = is_asked and read_number(last) == end - 1 and length == end - offset
        if not is_asked:
            raise RangeRefused(f"the media server answered another range than the one from byte {offset}")
        begin, total = offset, read_number(size)
        if total is None and length is not None and end is None:
            total = offset + length
    etag = headers.get("etag")
    strong = etag if etag and not etag.startswith("W/") and not encoded else None
    has_ranges = not encoded and (incoming.status == 206 or headers.get("accept-ranges", "").strip().lower() == "bytes")
    return Stream(begin, total, strong, incoming.chunks, has_ranges)


def read_version(incoming: Incoming) -> Version:
    """Which version of a file an answer is about; what is encoded on its way does not tell the file's length."""
    headers = incoming.headers
    is_part = incoming.status == 206
    length = headers.get("content-range", "").rpartition("/")[2] if is_part else headers.get("content-length", "")
    return Version(
        headers.get("etag") or None,
        None if _is_encoded(headers) else read_number(length),
        headers.get("last-modified") or None,
    )


def _is_encoded(headers: Mapping[str, str]) -> bool:
    return headers.get("content-encoding", "identity").lower() not in {"", "identity"}


def read_number(text: str) -> int | None:
    """A count of bytes in a header, or None: Python takes other scripts' digits for numbers, and refuses long ones."""
    digits = text.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_LENGTH else None


def read_json(reply: Reply) -> Any:
    """The JSON that an answer begins with, as forgiving as it can be read without doubt; None where there is none.

    A byte that is no UTF-8, a raw newline in a text, and whatever follows the value lose no answer that was paid for.
    """
    try:
        return _decoder.raw_decode(reply.text.lstrip("\ufeff \t\r\n"))[0]
    except (ValueError, RecursionError):
        return None


def with_texts(value: Any, change: Callable[[str], str], depth: int = 0) -> Any:
    """A JSON value with all its texts changed, those of names too, and None in place of what lies too deep."""
    if isinstance(value, str):
        return change(value)
    if depth == DEEPEST and isinstance(value, list | dict):
        return None
    if isinstance(value, list):
        return [with_texts(inner, change, depth + 1) for inner in value]
    if isinstance(value, dict):
        return {change(name): with_texts(inner, change, depth + 1) for name, inner in value.items()}
    return value


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_INTEGER else digits


def _number(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


# Numbers that JSON could not carry on are kept as their text.
_decoder = json.JSONDecoder(strict=False, parse_int=_integer, parse_float=_number, parse_constant=str)


def as_text(value: Any) -> str | None:
    """A text that can be written down: JSON may carry half a character."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def excerpt(text: str) -> str:
    """One short line of a body, HTML's tags taken out."""
    import re

    text = text[:_LONGEST_LOOK]
    if "<" in text:
        # What is not closed is text: looked for from each `<` on, the end of a long body would take long to miss.
        text = re.sub(r"(?is)<(script|style|head)\b(?:(?!<\1\b).)*?</\1>", " ", text)
        text = re.sub(r"<[^<>]*>", " ", text)
    return " ".join(text.split())[:LONGEST_MESSAGE]
