"""seedvr: upscale pictures and videos with the hosted SeedVR2 gateway.

    async with seedvr_cli.Client(jobs=64, output="big/") as client:
        async for result in client.upscale(urls, scale=2):
            print(result.source, result.files or result.error)

What is in `__all__` is public. It is loaded when it is first used: importing the package costs next to nothing.
"""

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, without the time that `typing` takes to load

if TYPE_CHECKING:
    from typing import Any

    from seedvr_cli.api import Client, upscale
    from seedvr_cli.values.errors import KeyMissing, LedgerError, SeedvrError, UsageError
    from seedvr_cli.values.job import File
    from seedvr_cli.values.result import Problem, Result

__version__ = "0.1.0"

__all__ = [
    "Client",
    "File",
    "KeyMissing",
    "LedgerError",
    "Problem",
    "Result",
    "SeedvrError",
    "UsageError",
    "__version__",
    "upscale",
]

_HOMES = {
    "Client": "seedvr_cli.api",
    "upscale": "seedvr_cli.api",
    "KeyMissing": "seedvr_cli.values.errors",
    "LedgerError": "seedvr_cli.values.errors",
    "SeedvrError": "seedvr_cli.values.errors",
    "UsageError": "seedvr_cli.values.errors",
    "File": "seedvr_cli.values.job",
    "Problem": "seedvr_cli.values.result",
    "Result": "seedvr_cli.values.result",
}


def __getattr__(name: str) -> "Any":
    if name not in _HOMES:
        raise AttributeError(f"module 'seedvr_cli' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
