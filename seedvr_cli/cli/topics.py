"""The topics of `seedvr help`: short pages, whose tables are made of what the code goes by."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """Rows of a word and what is said of it, under a heading."""

    heading: str
    rows: Sequence[tuple[str, str]]


class Verbatim(NamedTuple):
    """Lines that stand as they are."""

    lines: Sequence[str]


Block = str | Table | Verbatim


class Topic(NamedTuple):
    """A page: what it is about, and its paragraphs and tables."""

    summary: str
    blocks: Callable[[], Iterator[Block]]


def _exit_codes() -> Iterator[Block]:
    from seedvr_cli.values.errors import EXIT_CODES, PRECEDENCE

    yield "How a command ended, and what to do next."
    rows = [(str(code), f"{meaning}. Next: {then}.") for code, (meaning, then) in EXIT_CODES.items()]
    yield Table("Exit codes", rows)
    order = ", ".join(str(code) for code in PRECEDENCE if code != 2)
    yield f"Where several hold, the first of these counts: {order}."
    yield (
        "'seedvr status REQUEST_ID' ends with 0 where every job is COMPLETED, with 1 where one ended otherwise, with "
        "6 where one still runs. Without ids it lists, and ends with 0."
    )


def _environment() -> Iterator[Block]:
    from seedvr_cli.values.environment import CLUSTER_VARIABLES, COMMON_VARIABLES, OWN_VARIABLES

    yield "A flag comes first, then the environment, then the profile in the config file, then the default."
    yield Table("Ours", list(OWN_VARIABLES.items()))
    yield Table("Of every program", list(COMMON_VARIABLES.items()))
    yield Table("Of a cluster, for --shard auto", list(CLUSTER_VARIABLES.items()))
    yield (
        "Buckets and PostgreSQL are reached with what their own tools read: AWS_PROFILE, AWS_ACCESS_KEY_ID, "
        "GOOGLE_APPLICATION_CREDENTIALS, PGPASSWORD and so on."
    )


def _templates() -> Iterator[Block]:
    from seedvr_cli.values.naming import FIELDS

    yield (
        "-o takes a file, a folder (it exists, or ends in /), - for standard output, s3://BUCKET/..., or a template: "
        "a name with fields in braces."
    )
    yield Table("Fields", [(f"{{{name}}}", meaning) for name, meaning in FIELDS.items()])
    yield Verbatim(["seedvr image --from urls.txt -x 2 -o 'big/{stem}-{index:05}{ext}'"])
    yield (
        "{{ stands for a brace. A name never leaves its folder, whatever the URL says. Within a run, names that are "
        "equal get -2, -3 and so on; what is in the way and is not this job's own is not touched."
    )
    yield (
        "Without -o a name says what was asked for: {stem}-{scale}x{ext}, {stem}-{width}x{height}{ext} or "
        "{stem}-{target}{ext}, and {stem}-upscaled{ext} where nothing was."
    )


def _lists() -> Iterator[Block]:
    from seedvr_cli.values.options import ITEM_OPTIONS

    yield (
        "--from FILE takes a list of sources, --from - reads it from standard input, --from s3://BUCKET/LIST from a "
        "bucket; gzip too. Lists are streamed: a million lines take no more memory than a hundred."
    )
    yield Table(
        "Forms",
        [
            ("plain", "a source a line; blank lines and those that begin with # are skipped"),
            ("JSON Lines", '{"source": "https://...", "scale": 4, "output": "a.png"}'),
            ("CSV", "a header with a column 'source'"),
        ],
    )
    yield f"The other keys of a line are its own options, over the command's: {', '.join(sorted(ITEM_OPTIONS))}."
    yield (
        "A file is checked whole before anything is paid; a bad line on standard input is that item's failure. A "
        "source that stands twice is one job. --failed-file lists what did not succeed, as a list again."
    )
    yield "--shard 2/8 takes a stable share, so that eight machines do the list together."


def _money() -> Iterator[Block]:
    from seedvr_cli.values.catalog import ENDPOINTS
    from seedvr_cli.values.money import show_usd

    yield (
        "The same request is paid for once: the same command again does the rest, and only the rest, also after kill "
        "-9."
    )
    rows = [
        (f"{one.name}, {row.label}" if len(one.prices) > 1 else one.name, show_usd(row.micros))
        for one in ENDPOINTS.values()
        for row in one.prices
    ]
    yield Table("List prices", rows)
    yield "A video's price goes by the short side of the result; where that is not known the dearest row counts."
    yield Table(
        "What is charged, as 'charge' in the JSON object says it",
        [
            ("none", "nothing was submitted"),
            ("listed", "completed, at the list price"),
            ("not_charged", "the job ended ERROR; it is submitted again by the same command"),
            ("maybe", "the job ended FAILED, or still runs; --retry-failed submits it again"),
            ("unknown", "the submission was never answered (exit code 7); --new or 'seedvr forget' lets it go again"),
        ],
    )
    yield (
        "--dry-run says what a run would cost, after what is paid for already; --plan writes it down, and "
        "'seedvr apply' submits just that. --max-cost bounds a run, max-cost-per-day and -month in the config all runs "
        "of a day or a month (UTC), max-cost-per-tag all jobs of a --tag. A terminal is asked before more than a "
        "dollar; --yes answers. 'seedvr spend' sums up, and 'seedvr reconcile' holds the vendor's statement against it."
    )


def _sandbox() -> Iterator[Block]:
    from seedvr_cli.sandbox.faults import FAULTS

    yield (
        "--sandbox on any command that talks to the gateway: a stand-in on this machine, which ends with the command. "
        "No key, no charge, and no SeedVR2: pictures are really enlarged, by other means. Videos need pip install "
        "'seedvr-cli[video]'."
    )
    yield "'seedvr sandbox' is the same as a server, for scripts and other clients, with faults to rehearse:"
    yield Verbatim(
        [
            "seedvr sandbox --port 8787 --fault lost-submit=0.1 --latency 3s",
            "SEEDVR_API_KEY=any seedvr image --base-url http://127.0.0.1:8787 https://example.com/photo.jpg",
        ]
    )
    yield Table("Faults", list(FAULTS.items()))


def _skill() -> Iterator[Block]:
    from importlib.resources import files

    yield Verbatim(files("seedvr_cli").joinpath("SKILL.md").read_text(encoding="utf-8").splitlines())


TOPICS: Mapping[str, Topic] = {
    "exit-codes": Topic("How a command ended, and what to do next.", _exit_codes),
    "environment": Topic("The variables that are read.", _environment),
    "templates": Topic("Names of results.", _templates),
    "lists": Topic("Lists of sources.", _lists),
    "money": Topic("What is paid for, when, and how to bound it.", _money),
    "sandbox": Topic("A gateway on this machine, and its faults.", _sandbox),
    "skill": Topic("A page for agents.", _skill),
}
