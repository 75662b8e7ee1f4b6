"""-f same where the source is behind a URL: seen first, and then one job with its word."""

import asyncio

import pytest
from fakes.media import picture
from fakes.scripted import ScriptedGateway
from helpers.house import GATEWAY, SOURCE
from helpers.planning import IMAGE, wishes

from seedvr_cli.plan.planner import Planner
from seedvr_cli.run.follow import follow
from seedvr_cli.values.answer import Peek
from seedvr_cli.values.errors import NetworkError

OTHER = "https://example.com/other.png"


@pytest.fixture
def planned(house):
    """Prospects of these words with -f same."""

    def plan(*words, **more):
        planner = Planner(wishes(IMAGE, {"format": "same"}, output=f"{house.folder}/out/", **more), GATEWAY)
        return [prospect for word in words for prospect in planner.word(word)]

    return plan


def test_the_engine_sees_it_first(house, go, planned):
    """What a run is given with its format open is looked at before anything else, and is the job of that format."""
    gateway = ScriptedGateway(sources={SOURCE: Peek(206, picture(form="JPEG")), OTHER: NetworkError("no connection")})
    done, refused = go(gateway, planned(SOURCE, OTHER))
    assert [request.params for request in gateway.submitted] == [{"output_format": "jpeg"}]
    assert (done.error, refused.error.code, refused.error.exit_code) == (None, "source", 5)
    assert "-f same: it cannot be reached" in refused.error.message
    assert "-f webp" in refused.error.hint
    named = house.purchases(SOURCE, options={"format": "jpg"})
    (again,) = go(ScriptedGateway(), named)
    assert again.resumed


def test_what_is_known_is_not_looked_at(house, planned):
    """Work whose format is no question, or that is wrong, goes on as it is."""
    items = house.purchases()
    (wrong,) = planned(SOURCE)
    wrong.problem = "no source"
    gateway = ScriptedGateway()
    assert asyncio.run(follow(items, gateway)) is items
    assert list(asyncio.run(follow([wrong, *items], gateway))) == [wrong, *items]
    assert gateway.peeked == []


def test_an_object_is_not_looked_at(planned):
    """An object of the user's own is handed over unseen: its format has to be named."""
    (prospect,) = planned("s3://bucket/a.png")
    (refused,) = asyncio.run(follow([prospect], ScriptedGateway()))
    assert "an object is not looked at" in refused.refusal.message
