"""Text from outside, made fit for HTML."""

import re
from html import escape

# Characters that are shown of a text from outside; an error may hold a whole page.
LONGEST_TEXT = 600
# What HTML cannot hold, and what turns the direction of the text around it.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def fit(text: str) -> str:
    """Text from outside, fit for an element or a quoted attribute."""
    text = _UNFIT.sub("", text)
    return escape(f"{text[:LONGEST_TEXT]}…" if len(text) > LONGEST_TEXT else text)


def named(text: str) -> str:
    """The same in an element of its own, whatever direction it is written in."""
    return f'<bdi dir="auto">{fit(text)}</bdi>'
