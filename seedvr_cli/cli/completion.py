"""`seedvr completion`: the scripts in `completions/`."""

from typing import Annotated

import typer

SHELLS = ("bash", "zsh", "fish", "powershell")


def completion(
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish|powershell", help="The shell.")],
) -> None:
    """Print the completion script of a shell."""
    from seedvr_cli.errors import UsageError
    from seedvr_cli.render.results import write_line

    if shell not in SHELLS:
        raise UsageError(f"completion: {shell!r} is not one of {', '.join(SHELLS)}")
    write_line(script(shell))


def script(shell: str) -> str:
    """The script's text, without a last newline."""
    from typer._completion_shared import get_completion_script

    name = "pwsh" if shell == "powershell" else shell
    return get_completion_script(prog_name="seedvr", complete_var="_SEEDVR_COMPLETE", shell=name).strip()
