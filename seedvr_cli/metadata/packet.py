"""An XMP packet as text with places in it, so that a change leaves every other byte as it was."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from seedvr_cli.metadata.metadata import LARGEST, MetadataError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

# Where rdf:RDF may stand at the deepest, so that what is nested by the thousands is no work.
_DEEPEST = 64
# Prefixes that may hold in one place; programs that write all that they know come to some forty.
_MOST_PREFIXES = 256
# Tags and attributes; the largest histories that Photoshop keeps have some hundred thousand tags.
_MOST_TAGS, _MOST_ATTRIBUTES = 1_000_000, 200_000
# Descriptions and properties, of which there are some hundred.
_MOST_NOTED = 20_000
_ATTRIBUTE = re.compile(rb"\s+([^\s=<>/]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_TAG_NAME = re.compile(rb"<[^\s<>/]+")

Edit = tuple[int, int, bytes]
"""Where to replace, up to where, and by what."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a start tag: its namespace and name, where it stands with the space before it, and its value."""

    namespace: str
    name: str
    start: int
    end: int
    value: int
    """Where the value begins, behind its quotation mark; it ends one byte before `end`."""


@dataclass(slots=True, eq=False)
class Element:
    """An element of the packet: `start` to `end` with its tags, `inside` where its start tag ends."""

    namespace: str
    name: str
    start: int
    inside: int
    attributes: list[Attribute]
    scope: dict[str, str]
    """Prefixes that hold here, and what they stand for."""
    end: int = 0
    has_end_tag: bool = True
    has_children: bool = False
    parts: "list[Element]" = field(default_factory=list)
    """Of rdf:RDF the descriptions, of a description the properties."""


def parse(packet: bytes) -> Element:
    """The packet's rdf:RDF with its descriptions and their properties (ISO 16684-1, section 7.4).

    MetadataError where it is no XML, has a DOCTYPE (which XMP has not), is no text of one byte a letter or more, as
    UTF-16 is, or has no rdf:RDF.
    """
    text = packet.rstrip(b"\0 \n\r\t")
    if b"\0" in text:
        raise MetadataError("its XMP is not UTF-8")
    if text.count(b"<") > _MOST_TAGS or text.count(b"=") > _MOST_ATTRIBUTES:
        raise MetadataError("its XMP has more parts than programs write")
    reader = _Reader(text)
    try:
        reader.read()
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise MetadataError("its XMP is no XML that can be read") from error
    if reader.found is None or not reader.found.end:
        raise MetadataError("its XMP has no rdf:RDF")
    return reader.found


def edited(packet: bytes, edits: Iterable[Edit]) -> bytes:
    """The packet with these changes, none of which reach into each other."""
    pieces, done = [], 0
    for start, end, replacement in sorted(edits):
        pieces += [packet[done:start], replacement]
        done = max(end, done)
    return b"".join([*pieces, packet[done:]])


def appended(packet: bytes, rdf: Element, descriptions: bytes) -> Edit:
    """The change that puts descriptions behind those that there are."""
    if rdf.has_end_tag:
        place = packet.rindex(b"</", rdf.inside, rdf.end)
        return place, place, descriptions
    tag = _TAG_NAME.match(packet, rdf.start)
    name = tag[0][1:] if tag else b""
    return rdf.inside - 2, rdf.inside, b">" + descriptions + b"</" + name + b">"


def together(pieces: Iterable[bytes]) -> bytes:
    """All pieces as one; MetadataError where that is more than metadata has."""
    found, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > LARGEST:
            raise MetadataError("its XMP is too large")
        found.append(piece)
    return b"".join(found)


def declared(scope: dict[str, str], but: Iterable[str] = ()) -> bytes:
    """Declarations of these prefixes, as a start tag has them."""
    return b"".join(
        f" xmlns{f':{prefix}' if prefix else ''}={quoted(uri)}".encode()
        for prefix, uri in scope.items()
        if prefix not in but and prefix != "xml"
    )


def quoted(text: str) -> str:
    """Text as an attribute's value, in ASCII; what XML cannot hold (1.0, section 2.2) is a replacement character."""
    allowed = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
    for sign in '&<>"\t\n\r':
        allowed = allowed.replace(sign, f"&#{ord(sign)};")
    return f'"{allowed.encode("ascii", "xmlcharrefreplace").decode()}"'


class _Reader:
    """Notes where the elements stand that matter, as expat comes by."""

    def __init__(self, text: bytes) -> None:
        self.found: Element | None = None
        self._text = text
        self._path: list[Element | None] = []
        self._scopes: list[dict[str, str]] = [{}]
        self._new: dict[str, str] = {}
        self._noted = 0
        self._parser: Any = expat.ParserCreate(namespace_separator=" ")
        self._parser.namespace_prefixes = True
        self._parser.StartDoctypeDeclHandler = _refuse
        self._parser.StartNamespaceDeclHandler = self._declare
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end

    def read(self) -> None:
        """Go through the text once."""
        self._parser.Parse(self._text, True)

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        self._new[prefix or ""] = uri or ""

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        depth, parent = len(self._path), self._path[-1] if self._path else None
        if depth > _DEEPEST:
            raise MetadataError("its XMP is nested too deeply")
        self._scopes.append(self._scopes[-1] | self._new if self._new else self._scopes[-1])
        self._new = {}
        if len(self._scopes[-1]) > _MOST_PREFIXES:
            raise MetadataError("its XMP has more prefixes than programs write")
        if parent is not None:
            parent.has_children = True
        namespace, local = _split(name)
        is_rdf = (namespace, local) == (RDF, "RDF") and self.found is None
        if not is_rdf and (parent is None or parent.name not in {"RDF", "Description"} or not self._is_part(parent)):
            self._path.append(None)
            return
        self._noted += 1 + len(attributes)
        if self._noted > _MOST_NOTED:
            raise MetadataError("its XMP has more parts than programs write")
        start = self._parser.CurrentByteIndex
        element = Element(namespace, local, start, 0, [], self._scopes[-1])
        element.attributes, element.inside = _read_tag(self._text, start, attributes)
        element.has_end_tag = self._text[element.inside - 2 : element.inside] != b"/>"
        self._path.append(element)
        if is_rdf:
            self.found = element
        elif parent is not None:
            parent.parts.append(element)

    def _is_part(self, element: Element) -> bool:
        """Whether it is rdf:RDF, or a description in it: of others the parts do not matter."""
        return element is self.found or (self.found is not None and element in self.found.parts[-1:])

    def _end(self, _name: str) -> None:
        element = self._path.pop()
        self._scopes.pop()
        if element is not None:
            place = self._parser.CurrentByteIndex
            element.end = self._text.index(b">", place) + 1 if element.has_end_tag else element.inside


def _refuse(*_: object) -> None:
    raise MetadataError("its XMP has a DOCTYPE")


def _split(name: str) -> tuple[str, str]:
    """Namespace and name, of what expat gives as "namespace name prefix"."""
    words = name.split(" ")
    return (words[0], words[1]) if len(words) > 1 else ("", name)


def _read_tag(text: bytes, start: int, known: dict[str, str]) -> tuple[list[Attribute], int]:
    """The attributes of the start tag at an offset, and where it ends."""
    names = {}
    for name in known:
        namespace, local = _split(name)
        prefix = name.split(" ")[2] if name.count(" ") == 2 else ""
        names[f"{prefix}:{local}" if prefix else local] = (namespace, local)
    tag = _TAG_NAME.match(text, start)
    if tag is None:
        raise MetadataError("its XMP has a tag that cannot be found again")
    place, attributes = tag.end(), []
    for match in _matches(text, place):
        place = match.end()
        found = names.get(match[1].decode("utf-8", "replace"))
        if found:
            attributes.append(Attribute(*found, match.start(), match.end(), match.start(2) + 1))
    return attributes, text.index(b">", place) + 1


def _matches(text: bytes, place: int) -> Iterator[re.Match[bytes]]:
    while match := _ATTRIBUTE.match(text, place):
        yield match
        place = match.end()
