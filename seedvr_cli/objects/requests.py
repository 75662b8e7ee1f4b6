"""The requests of S3 that are about the unfinished uploads of one object, which the library does not make."""

import os
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import certifi
import httpx

from seedvr_cli.objects.signature import Place, query_text, signed_headers
from seedvr_cli.objects.trouble import StoreError, explain

# How often a request is made at the most that is not answered, or with 5xx; seconds before the second time, and twice
# that before the next one.
TRIES = 6
PAUSE = 0.25
# Seconds without a byte.
SILENCE = 60.0
# What stores say of an upload, or a piece, that somebody else has ended or sent anew.
_GONE = frozenset({"NoSuchUpload", "InvalidPart"})
# Stores that cannot tell, or may not, what was begun.
_SILENT = frozenset({403, 404, 405, 501})


class UploadGone(StoreError):
    """Another machine has ended it, or sent the same at the same time, or something else."""


class Requests:
    """Raises StoreError, and UploadGone where an upload is no more."""

    def __init__(self, place: Place, client: httpx.Client) -> None:
        self._place = place
        self._client = client

    @classmethod
    @contextmanager
    def open(cls, place: Place) -> Iterator["Requests"]:
        """With connections of its own; proxies and certificates are the environment's."""
        with httpx.Client(timeout=SILENCE, verify=_trust()) as client:
            yield cls(place, client)

    def uploads(self) -> list[str]:
        """Those of the object that were begun and not ended, the oldest one first."""
        answer = self._ask("GET", {"uploads": "", "prefix": self._place.path}, url=self._place.bucket, silent=_SILENT)
        found = [
            (one.findtext("{*}Initiated") or "", one.findtext("{*}UploadId") or "")
            for one in _xml(answer).iterfind("{*}Upload")
            if one.findtext("{*}Key") == self._place.path
        ]
        return [upload for _, upload in sorted(found)]

    def begin(self, media_type: str) -> str:
        """A new upload's name."""
        answer = self._ask("POST", {"uploads": ""}, headers={"content-type": media_type})
        return self._needed(_xml(answer).findtext("{*}UploadId"))

    def pieces(self, upload: str) -> dict[int, tuple[int, str]]:
        """What is there of it: by its number each piece's bytes and ETag."""
        found: dict[int, tuple[int, str]] = {}
        marker: str | None = "0"
        while marker is not None:
            query = {"uploadId": upload, "part-number-marker": marker}
            page = _xml(self._ask("GET", query, silent=_SILENT - {404}))
            for one in page.iterfind("{*}Part"):
                number, size = (int(one.findtext(f"{{*}}{name}") or 0) for name in ("PartNumber", "Size"))
                found[number] = size, one.findtext("{*}ETag") or ""
            is_cut = page.findtext("{*}IsTruncated") == "true"
            marker = page.findtext("{*}NextPartNumberMarker") if is_cut else None
        return found

    def put(self, upload: str, number: int, length: int, content: Callable[[], Iterable[bytes]]) -> str:
        """Send a piece; its ETag."""
        query = {"partNumber": str(number), "uploadId": upload}
        answer = self._ask("PUT", query, headers={"content-length": str(length)}, content=content)
        return self._needed(answer.headers.get("etag"))

    def complete(self, upload: str, etags: Mapping[int, str]) -> None:
        """Make the object of its pieces."""
        body = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etags[number]}</ETag></Part>" for number in sorted(etags)
        )
        content = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode()
        self._ask("POST", {"uploadId": upload}, content=lambda: content)

    def abort(self, upload: str) -> None:
        """Have its pieces deleted."""
        self._ask("DELETE", {"uploadId": upload})

    def _ask(
        self,
        method: str,
        query: Mapping[str, str],
        *,
        url: str | None = None,
        headers: Mapping[str, str] | None = None,
        content: Callable[[], Iterable[bytes] | bytes] = bytes,
        silent: frozenset[int] = frozenset(),
    ) -> httpx.Response:
        """The answer, again for a while where there is none; of `silent` statuses whatever it says."""
        whole = f"{url or self._place.url}?{query_text(query)}"
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            sent = signed_headers(method, whole, headers or {}, self._place.keys, datetime.now(UTC))
            try:
                answer = self._client.request(method, whole, headers=sent, content=content())
            except httpx.TransportError as error:
                trouble = explain(self._place.root, f"error sending request: performing {method} {whole}: {error}")
                trouble.__cause__ = error
                continue
            code = _xml(answer).findtext("{*}Code") or ""
            # That an object could not be made of its pieces may come after a 200.
            if (answer.is_success and not code) or answer.status_code in silent:
                return answer
            if code in _GONE or (method == "PUT" and answer.status_code == 501):  # no piece in another one's place
                raise UploadGone(f"{self._place.root}: the upload was ended elsewhere")
            trouble = explain(self._place.root, f"{answer.status_code} {answer.reason_phrase}: {answer.text}")
            if answer.status_code < 500 and not answer.is_success and answer.status_code != 429:
                raise trouble
        raise trouble

    def _needed(self, text: str | None) -> str:
        if not text:
            raise explain(self._place.root, "ETag Header missing")
        return text


def _trust() -> ssl.SSLContext:
    """Whom the environment and the system trust, as the library does; where nobody is named, certifi's list as well."""
    context = ssl.create_default_context()
    if not any(map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR"))):
        context.load_verify_locations(certifi.where())
    return context


def _xml(answer: httpx.Response) -> ET.Element:
    """What it says; an element without anything where that is nothing."""
    try:
        return ET.fromstring(answer.content)  # noqa: S314 - the store is the user's own, and expat knows its bombs
    except ET.ParseError:
        return ET.Element("nothing")
