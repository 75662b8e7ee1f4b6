"""Sources that are a test's own."""

import uuid


def new_url(name: str = "photo.jpg") -> str:
    """A source that no other test has; its file name is as given."""
    return f"https://example.com/{uuid.uuid4()}/{name}"
