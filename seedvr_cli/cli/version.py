"""`seedvr version`."""

from seedvr_cli import __version__
from seedvr_cli.cli import options as o


def version(*, verbose: o.Verbose = None, json: o.Json = None) -> None:
    """Print the version, as --version does; with -v also Python, the platform and the extras, for a report."""
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line

    facts = {"seedvr": __version__, **(_surroundings() if verbose else {})}
    if json:
        write_line(machine.line({"v": machine.VERSION, **facts}))
        return
    for name, fact in facts.items():
        write_line(f"{name} {fact}")


def _surroundings() -> dict[str, str]:
    """Of Python, of the platform, and of what each extra brings."""
    import platform
    import sys
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    from seedvr_cli.cli.surroundings import EXTRAS

    facts = {"python": f"{platform.python_version()} ({sys.executable})", "platform": platform.platform()}
    for extra, package in EXTRAS.items():
        try:
            facts[f"[{extra}]"] = f"{package} {version_of(package)}"
        except PackageNotFoundError:
            facts[f"[{extra}]"] = "not installed"
    return facts
