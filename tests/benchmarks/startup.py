"""How long a command takes before it does anything, against an interpreter that does nothing."""

from collections.abc import Iterator

from measure import Bench, Figure, Spent, at_most, middle

ROUNDS = 25
PEER = "bare Python"

# The command, and how many times bare Python's time it may take.
COMMANDS = {
    "seedvr --version": (("--version",), 4),
    "seedvr --help": (("--help",), 11),
    "seedvr image --dry-run URL": (("image", "--dry-run", "https://example.com/a.png"), 11),
}


def figures(bench: Bench) -> Iterator[Figure]:
    commands = {PEER: (bench.python, "-c", "pass")}
    commands |= {name: (bench.seedvr, *words) for name, (words, _) in COMMANDS.items()}
    spent: dict[str, list[Spent]] = {name: [] for name in commands}
    for command in commands.values():  # writes the bytecode
        bench.spend(*command)
    for _ in range(ROUNDS):
        for name, command in commands.items():
            spent[name].append(bench.spend(*command))
    for name, (_, limit) in COMMANDS.items():
        yield at_most(name, middle(spent[name]), middle(spent[PEER]), PEER, limit)
