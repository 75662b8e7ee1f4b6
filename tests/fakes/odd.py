"""Odd answers, as dice say: what gateways, proxies and media servers say that no reference has."""

from random import Random
from typing import Any

from fakes.gateway import CUT, FakeGateway, Heard, Reply

# Statuses that say nothing of whether a submission was accepted.
AMBIGUOUS = (304, 307, 308, 408, 409, 423, 425, 444, 460, 499, 502, 504)
ENVELOPE = {"status": "error", "message": "upstream timeout"}
# Pauses that no clock can keep.
PAUSES = ("Mon, 01 Jan 2024 00:00:00 +99999999999999", "-1", "soon", "\xb2", "0")
RANGES = ("bytes \xb2-5/6", f"bytes 0-{'9' * 5000}/*", "bytes 0-0/1", "", "items 1-2/3")
NO_PICTURES = (b"", b"<html>Please wait</html>", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"\xff" * 40)


class OddAnswers:
    """A script for a gateway, of whose answers a share is odd; none once `share` is 0.

    It ends no job otherwise than COMPLETED, so each source is accepted once at most by a client that keeps its promise.
    `left_open` has the sources whose submission it has answered so that nobody could tell.
    """

    def __init__(self, fake: FakeGateway, dice: Random, share: float) -> None:
        self.share = share
        self.left_open: set[str] = set()
        self._fake = fake
        self._dice = dice
        self._completed: set[str] = set()

    def __call__(self, heard: Heard) -> Reply | None:
        """The answer, or None for what the gateway would say."""
        is_odd = self._dice.random() < self.share
        if heard.method == "POST":
            return self._submission(heard) if is_odd else None
        if heard.path.startswith("/media/"):
            return self._media() if is_odd else None
        return self._poll(heard, is_odd=is_odd) if heard.source is not None else None

    def _submission(self, heard: Heard) -> Reply:
        dice, source = self._dice, heard.source or ""
        match dice.randrange(4):
            case 0:  # not accepted, and said so
                status = dice.choice((429, 503))
                return Reply(status, b"", {"Retry-After": "0" if status == 503 else dice.choice(PAUSES)})
            case 1:  # accepted, and readable all the same
                accepted = self._fake.accept(source).body
                return Reply(202, dice.choice(_READABLE)(accepted))
            case 2:  # accepted, and nobody can tell
                self._fake.accept(source)
            case _:  # not accepted, and nobody can tell
                pass
        self.left_open.add(source)
        return dice.choice(
            (CUT, Reply(200, ENVELOPE), Reply(202, b"{"), Reply(500, ENVELOPE), Reply(dice.choice(AMBIGUOUS), b""))
        )

    def _poll(self, heard: Heard, *, is_odd: bool) -> Reply | None:
        dice, fake = self._dice, self._fake
        if not is_odd:
            self._completed.add(heard.request_id)
            return None
        if heard.request_id in self._completed and dice.random() < 0.5:  # which is final
            word = dice.choice(("EXPIRED", "PROCESSING", None))
            return fake.view(heard, word, error="result expired") if word else Reply(404, {"error": "Not Found"})
        return dice.choice(
            (
                CUT,
                Reply(200, ENVELOPE),
                Reply(200, {**_body(fake.view(heard)), "request_id": "fake_of_another"}),
                Reply(200, b"[" * 5000),
                Reply(502, NO_PICTURES[1]),
                Reply(429, b"", {"Retry-After": dice.choice(PAUSES)}),
                fake.view(heard, dice.choice(("PROCESSING", "WARMING_UP", "QUEUED", ""))),
                fake.view(heard, "PROCESSING", completed_at="9999-12-31T23:59:59.999999Z", created_at="0001-01-01"),
            )
        )

    def _media(self) -> Reply:
        dice, picture = self._dice, self._fake.picture
        return dice.choice(
            (
                CUT,
                Reply(200, picture, cut_after=len(picture) // 2),
                Reply(200, dice.choice(NO_PICTURES)),
                Reply(dice.choice((403, 404, 416, 429, 503)), b""),
                Reply(206, picture, {"Content-Range": dice.choice(RANGES)}),
                Reply(200, picture, {"Content-Encoding": "gzip"}),
            )
        )


def _body(reply: Reply) -> dict[str, Any]:
    assert isinstance(reply.body, dict)
    return reply.body


_READABLE = (
    lambda body: [body],
    lambda body: {"data": body},
    lambda body: {**body, "status": None, "deep": [[[[]]]]},
    lambda body: {**body, "created_at": "9999-12-31T23:59:59.999999Z"},
    lambda body: b'{"request_id": "%s", "note": "caf\xe9\n"} // of a proxy' % body["request_id"].encode(),
)
