"""`seedvr doctor`."""

from typing import TYPE_CHECKING

from seedvr_cli.cli.groups import CheckupOptions, command

if TYPE_CHECKING:
    from seedvr_cli.cli.checkup import Checkup
    from seedvr_cli.values.checkup import Check


@command
def doctor(*, options: CheckupOptions) -> int:
    """Check what is set up, what is not, and say what to do about it.

    A line a check: ok, warning or problem, its name, what was found, and the remedy; with -q only what is not ok.
    Nothing is submitted, and nothing is left behind. The exit code is 1 where there is a problem, else 0.
    """
    import threading

    from seedvr_cli.cli.checkup import Checkup
    from seedvr_cli.cli.probes import leave
    from seedvr_cli.cli.streams import forget_stdout
    from seedvr_cli.render.talk import error_line
    from seedvr_cli.values.errors import OutputLost

    checkup, before = Checkup.resolve(options), threading.enumerate()
    try:
        code = 1 if any(check.state == "problem" for check in _run(checkup)) else 0
    except BrokenPipeError:
        code = forget_stdout()
    except OutputLost as error:  # to end where checks are under way would end some libraries in a crash
        checkup.talk.error(error_line(error))
        code = error.exit_code
    except KeyboardInterrupt:
        checkup.talk.error("seedvr: interrupted")
        code = 130
    return leave(code, before)


def _run(checkup: "Checkup") -> "list[Check]":
    """Print what is found; returns it."""
    from seedvr_cli.cli.checkup import PROBE_SECONDS
    from seedvr_cli.cli.probes import run_probes
    from seedvr_cli.render import machine
    from seedvr_cli.render.checks import checks_object, checks_summary, print_check
    from seedvr_cli.render.results import write_line

    talk, checks = checkup.talk, []
    for probe, found in run_probes(checkup.probes(), PROBE_SECONDS):
        checks += found
        if talk.verbose:
            for line in [*probe.crash.splitlines(), f"{probe.name} took {probe.took:.2f}s"]:
                talk.say(f"seedvr: {line}")
        for check in found:
            if not checkup.json and not (talk.quiet and check.state == "ok"):
                print_check(check)
    if checkup.json:
        write_line(machine.line(checks_object(checks)))
    talk.say(checks_summary(checks))
    return checks
