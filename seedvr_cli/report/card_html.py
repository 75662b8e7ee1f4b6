"""One job as a card of the page."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from seedvr_cli.report.card import Card, CardState, Look, Shot, Side
from seedvr_cli.report.previews import is_same_shape
from seedvr_cli.report.text import fit, named
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.schedule import show_duration
from seedvr_cli.values.size import show_size

# How flat and how tall the frame of a picture may be; what is more so stands in it with room beside it.
FLATTEST, TALLEST = 3.0, 0.5
# Words for people.
STATES: dict[CardState, str] = {"done": "Done", "failed": "Failed", "unknown": "Unknown", "running": "Running"}


def card_text(card: Card, place: int) -> str:
    """One card; `place` is its number in the order of the page."""
    facts = {
        "place": place,
        "state": card.state,
        "name": card.name.lower(),
        "seconds": "" if card.seconds is None else f"{card.seconds:.3f}",
        "price": "" if card.price is None or card.charge == "not_charged" else card.price,
    }
    data = " ".join(f'data-{name}="{fit(str(value))}"' for name, value in facts.items())
    return (
        f'<li class="card" {data}>\n<figure class="media">{_media(card)}</figure>\n'
        f'<div class="facts">{_facts(card)}</div>\n{"".join(_parts(card))}</li>\n'
    )


# The pictures.


def _media(card: Card) -> str:
    before, after = card.before.look, card.after.look
    if before is None and after is None:
        return f'<div class="absent">{fit(card.after.note or card.before.note or "nothing to show")}</div>'
    looks = [(side, look) for side, look in (("before", before), ("after", after)) if look]
    if any(look.whole.media_type.startswith("video/") for _, look in looks):
        return _clips(card, looks)
    return _stage(card, looks) + _views(looks, "Whole picture")


def _stage(card: Card, looks: list[tuple[str, Look]], *, close: bool = False) -> str:
    """Both pictures on top of each other, the source above, cut off where the slider stands."""
    sizes = [(look.width, look.height) for _, look in looks]
    last = looks[-1][1]
    ratio, classes = _ratio(last), ["stage"]
    if len(looks) == 1:
        classes.append("alone")
    elif is_same_shape(*sizes) and ratio == last.width / last.height:
        classes.append("same")
    if close:
        classes.append("close")
        looks = [(side, look) for side, look in looks if look.detail]
        classes += ["alone"] if len(looks) == 1 and "alone" not in classes else []
    pictures = "".join(
        f'<img class="{side}" data-side="{side}" alt="{fit(card.name)}, {side}" decoding="async">'
        for side, _ in reversed(looks)
    )
    slide = edge = ""
    if len(looks) > 1:
        label = f"Before and after of {fit(card.name)}"
        slide = f'<input class="slide" type="range" min="0" max="100" step="1" value="50" aria-label="{label}">'
        edge = '<span class="edge" aria-hidden="true"></span>'
    spot = "" if close or ratio != last.width / last.height else _spot(last)
    return (
        f'<div class="{" ".join(classes)}" data-ratio="{ratio:.4f}"{" hidden" if close else ""}>'
        f"{pictures}{spot}{slide}{edge}{_tags(looks)}</div>"
    )


def _ratio(look: Look) -> float:
    """Of the frame's sides."""
    return min(max(look.width / look.height, TALLEST), FLATTEST)


def _tags(looks: list[tuple[str, Look]]) -> str:
    sides = {"before": "left", "after": "right"}
    return "".join(f'<span class="tag {sides[side]}">{side.capitalize()}</span>' for side, _ in looks)


def _spot(look: Look) -> str:
    region = look.region
    if region is None or region.width * region.height > 0.8:  # all of it, as good as
        return ""
    place = (region.left, region.top, region.width, region.height)
    return f'<span class="spot" data-place="{" ".join(f"{100 * share:.2f}" for share in place)}"></span>'


def _views(looks: list[tuple[str, Look]], whole: str, more: str = "") -> str:
    """Buttons for the whole and the part at 1:1, where there is one."""
    detail = next((look.detail for _, look in reversed(looks) if look.detail), None)
    if detail is None and not more:
        return ""
    buttons = ""
    if detail is not None:
        buttons = (
            f'<button type="button" data-view="whole" aria-pressed="true">{whole}</button>'
            f'<button type="button" data-view="detail" aria-pressed="false">Magnify, 1:1</button>'
        )
    return f'<div class="views">{buttons}{more}</div>'


def _clips(card: Card, looks: list[tuple[str, Look]]) -> str:
    """Both clips beside each other; their part at 1:1 is a picture."""
    last = looks[-1][1]
    videos = "".join(
        f'<div><video data-side="{side}" muted playsinline preload="auto" '
        f'aria-label="{fit(card.name)}, {side}"></video>'
        f'<span class="tag left">{side.capitalize()}</span></div>'
        for side, _ in looks
    )
    name = fit(card.name)
    controls = (
        f'<button type="button" class="play" aria-label="Play or pause {name}">Play</button>'
        f'<input class="seek" type="range" min="0" max="100" step="1" value="0" aria-label="Position in {name}">'
    )
    alone = " alone" if len(looks) == 1 else ""
    stage = _stage(card, looks, close=True) if any(look.detail for _, look in looks) else ""
    return (
        f'<div class="pair{alone}" data-ratio="{_ratio(last):.4f}">{videos}</div>{stage}'
        f"{_views(looks, 'Clip', controls)}"
    )


def _parts(card: Card) -> Iterator[str]:
    """What the pictures are made of: base64, in which nothing ends a script."""
    for side, what in (("before", card.before), ("after", card.after)):
        if what.look:
            yield _data(side, what.look.whole)
            if what.look.detail:
                yield _data(f"{side}-detail", what.look.detail)


def _data(name: str, shot: Shot) -> str:
    text = base64.b64encode(shot.data).decode("ascii")
    return f'<script type="text/plain" data-part="{name}" data-type="{shot.media_type}">{text}</script>\n'


# The facts.


def _facts(card: Card) -> str:
    pieces = [
        f'<p class="badge is-{card.state}">{STATES[card.state]}</p><h3>{named(card.name)}</h3>',
        _sizes(card),
        f'<p class="error">{named(card.error)}</p>' if card.error else "",
        *(f'<p class="remark">{word}: {named(side.note)}</p>' for word, side in _noted(card) if side.note),
        f"<dl>{_rows(card)}</dl>",
    ]
    return "".join(pieces)


def _noted(card: Card) -> list[tuple[str, Side]]:
    """Sides whose note does not stand in the picture's place already."""
    has_looks = card.before.look or card.after.look
    sides = [("Before", card.before), ("After", card.after)]
    return sides if has_looks or card.after.note is None else sides[:1]


def _sizes(card: Card) -> str:
    before, after = card.before.look, card.after.look
    sizes = " → ".join(f"{look.width}\u00a0×\u00a0{look.height}" for look in (before, after) if look)
    if not sizes:
        return ""
    factor = f"{after.width / before.width:.2f}".rstrip("0").rstrip(".") if before and after else ""
    return f'<p class="sizes">{sizes}<small>pixels{f", factor {factor}" if factor else ""}</small></p>'


def _rows(card: Card) -> str:
    rows = [
        ("Source", named(card.before.name) if card.before.name else ""),
        ("Result", named(card.after.name) if card.after.name else ""),
        ("", "<br>".join(named(other) for other in card.others)),
        ("Bytes", _bytes(card)),
        ("Time", show_duration(card.seconds) if card.seconds is not None else ""),
        ("List price", _price(card)),
        ("Submitted", f"{card.started_at:%Y-%m-%d %H:%M} UTC" if card.started_at else ""),
        ("Endpoint", fit(card.endpoint or "")),
        ("Status", fit(card.status or "")),
        ("Request", f"<code>{fit(card.request_id)}</code>" if card.request_id else ""),
        ("Options", _params(card.params)),
    ]
    return "".join(f"<dt>{name or 'More results'}</dt><dd>{value}</dd>" for name, value in rows if value)


def _bytes(card: Card) -> str:
    return " → ".join(show_size(side.bytes) for side in (card.before, card.after) if side.bytes is not None)


def _price(card: Card) -> str:
    if card.price is None:
        return ""
    words = {"not_charged": "not charged", "maybe": f"{show_usd(card.price)}, may be charged",
             "unknown": f"{show_usd(card.price)}, may be charged"}  # fmt: skip
    return words.get(card.charge, show_usd(card.price))


def _params(params: Mapping[str, Any]) -> str:
    return "".join(f"<code>{fit(f'{name} {value}')}</code>" for name, value in params.items())
