"""What `import seedvr_cli` gives and does."""

import inspect
import subprocess
import sys

import pytest

import seedvr_cli

PUBLIC = [
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
# Modules that have an effect on nothing when they are imported.
EVERYTHING = "cli.app api run.session sandbox.server render.live gateway.curl_transport gateway.httpx_transport"


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout


def test_the_public_names():
    """These names are public, documented, and all there is."""
    assert seedvr_cli.__all__ == PUBLIC
    assert dir(seedvr_cli) == PUBLIC
    for name in PUBLIC:
        value = getattr(seedvr_cli, name)
        assert isinstance(value, str) or inspect.getdoc(value), name


def test_another_name_is_an_attribute_error():
    """What is not public is not found on the package."""
    with pytest.raises(AttributeError, match="has no attribute 'Engine'"):
        _ = seedvr_cli.Engine


def test_importing_the_package_loads_nothing():
    """`import seedvr_cli` loads no module of ours and none that is heavy."""
    code = "import sys, seedvr_cli; print(*[name for name in sys.modules if 'seedvr' in name or name == 'asyncio'])"
    assert python(code).split() == ["seedvr_cli"]


def test_a_client_loads_no_command_line():
    """A program that upscales loads neither the command line nor the display."""
    code = "import sys, seedvr_cli; seedvr_cli.Client; print(*sys.modules)"
    loaded = python(code).split()
    assert "seedvr_cli.run.engine" in loaded
    assert [name for name in loaded if name.startswith(("seedvr_cli.cli", "seedvr_cli.render"))] == []


def test_importing_has_no_effect_on_the_process():
    """No module changes the garbage collector, signal handlers, or what others may import."""
    code = f"""
import gc, signal, sys
before = gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), signal.getsignal(2), signal.getsignal(15)
for name in {EVERYTHING!r}.split():
    __import__("seedvr_cli." + name)
after = gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), signal.getsignal(2), signal.getsignal(15)
assert before == after, (before, after)
assert all(module is not None for module in sys.modules.values())
"""
    python(code)


def test_the_signatures_are_typed():
    """Every parameter of a public callable has a type, and so has what comes back."""
    for function in (seedvr_cli.upscale, seedvr_cli.Client.__init__, seedvr_cli.Client.upscale,
                     seedvr_cli.Client.status, seedvr_cli.Client.download):  # fmt: skip
        signature = inspect.signature(function)
        untyped = [name for name, one in signature.parameters.items() if one.annotation is one.empty and name != "self"]
        assert untyped == []
        assert signature.return_annotation is not signature.empty
