"""A stand-in for a gateway whose jobs stand as a test says, and what the live display shows of them."""

from helpers.sources import new_url

SPINNER = "[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]"


class Stage:
    """A gateway where jobs stand as the test says: QUEUED until told otherwise. `media` answers downloads."""

    def __init__(self, gateway, media=None, **more):
        self.status = {}
        self.more = more
        self.media = media
        self.fake = gateway(self._answer)

    @property
    def url(self):
        return self.fake.url

    def _answer(self, heard):
        if heard not in self.fake.polls():
            return self.media if heard in self.fake.downloads() else None
        status = self.status.get(heard.source, self.status.get("*", "QUEUED"))
        return self.fake.view(heard, status, **self.more)


def sources(count):
    """That many sources named photo-00.jpg and so on."""
    return [new_url(f"photo-{number:02}.jpg") for number in range(count)]


def row(name, endpoint, state, rest=r"\d+s"):
    """The pattern of a row."""
    return rf"^{SPINNER} {name} +{endpoint}  {state} +.*{rest}"
