"""How GitHub's runner reads a line of a log: the second form of its commands, as its source has it."""

from dataclasses import dataclass

_DATA = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_PROPERTY = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))


@dataclass(frozen=True)
class Command:
    """One that the runner acts on."""

    name: str
    properties: dict[str, str]
    message: str


def read_command(line: str) -> Command | None:
    """What the runner makes of a line; None where it is text."""
    line = line.lstrip()
    if not line.startswith("::"):
        return None
    head, colons, message = line[2:].partition("::")
    if not colons:
        return None
    name, _, rest = head.partition(" ")
    pairs = (part.strip().partition("=") for part in rest.split(",") if part.strip())
    properties = {key: _plain(value, _PROPERTY) for key, _, value in pairs if key and value}
    return Command(name, properties, _plain(message, _DATA))


def read_commands(log: str) -> list[Command]:
    """All of a log's."""
    return [command for line in log.splitlines() if (command := read_command(line)) is not None]


def _plain(text: str, escapes: tuple[tuple[str, str], ...]) -> str:
    for escape, character in escapes:
        text = text.replace(escape, character)
    return text
