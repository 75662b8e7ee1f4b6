"""Items for the live display."""

from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.items import Purchase
from seedvr_cli.values.naming import Output
from seedvr_cli.values.request import Request, Source


def row(index, name, endpoint="3b-video"):
    """An item that the display knows by this name."""
    request = Request(ENDPOINTS[endpoint], Source(name, name, name, name), {})
    return Purchase(index=index, key=name, request=request, output=Output("template", ""))
