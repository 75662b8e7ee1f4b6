"""Sources that are a test's own."""

import uuid
from pathlib import Path


def new_url(name: str = "photo.jpg") -> str:
    """A source that no other test has; its file name is as given."""
    return f"https://example.com/{uuid.uuid4()}/{name}"


def urls(count: int) -> list[str]:
    """Sources of a batch of its own, named picture-0.png and so on."""
    batch = uuid.uuid4()
    return [f"https://example.com/{batch}/picture-{number}.png" for number in range(count)]


def write(path: Path, lines: list[str]) -> Path:
    """A list of these lines."""
    path.write_text("\n".join(lines) + "\n")
    return path
