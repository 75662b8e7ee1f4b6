"""Requests from options, as commands build them."""

from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.options import read
from seedvr_cli.values.request import Source, build_request, identifying_params, job_key

GATEWAY = "https://gateway.pixazo.ai"
URL = "https://example.com/photo.jpg"
HOOK = "https://example.com/hook"


def source(url=URL, what=None):
    return Source(url, url, what or url, "photo.jpg")


def build(name="7b-image", extra=(), url=URL, /, **options):
    """A request; `body_webhook=...` stands for the flag --body-webhook."""
    named = {flag.replace("_", "-"): value for flag, value in options.items()}
    return build_request(ENDPOINTS[name], source(url), named, params(*extra))


def params(*words):
    """Body keys as -p gives them."""
    return read("param", list(words), "-p")


def key(*args, **options):
    """The key of such a request, as a planner makes it."""
    return key_of(build(*args, **options))


def key_of(request, gateway=GATEWAY):
    """The key of a request, as a planner makes it."""
    identifying = identifying_params(request.endpoint, request.params)
    return job_key(gateway, request.endpoint.name, identifying, request.source.identity)
