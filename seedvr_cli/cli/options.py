"""The options of the commands, named, so that groups of them read like a table; None is what was not given."""

from typing import Annotated

import typer

from seedvr_cli.cli.completion import field_words, profiles, request_ids, tags
from seedvr_cli.cli.flags import read_fields, value_option

Sources = Annotated[
    list[str] | None,
    typer.Argument(metavar="SOURCE...", help="https URLs, local files or folders.", show_default=False),
]
RequestIds = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[REQUEST_ID]...", help="What --no-wait printed.", show_default=False, autocompletion=request_ids
    ),
]

# The request, beside what the catalog has.
Webhook = Annotated[
    str | None, value_option("webhook", metavar="URL", meaning="The gateway calls it with the result (https).")
]
WebhookMode = Annotated[str | None, value_option("webhook-mode", meaning="Once at the end, or each time.")]
KeepUpload = Annotated[
    bool | None,
    typer.Option("--keep-upload/--no-keep-upload", help="Leave what was uploaded where it is, when its job is done."),
]
Check = Annotated[
    bool | None,
    typer.Option(
        "--check/--no-check",
        help="Look at the sources before anything is paid.",
        show_default="on for files, and for fewer than 100 URLs",
    ),
]
Callback = Annotated[
    bool, typer.Option("--callback", help="The gateway calls 'seedvr listen' at the job's end; needs --public-url.")
]
PublicUrl = Annotated[
    str | None,
    value_option("public-url", metavar="URL", meaning="What 'seedvr listen' is reached by from outside (https)."),
]
Param = Annotated[
    list[str] | None, typer.Option("-p", "--param", metavar="KEY=VALUE", help="Any other body key; repeatable.")
]

# What to run.
From = Annotated[
    list[str] | None, typer.Option("--from", metavar="FILE", help="A list of sources; '-' is standard input.")
]
Shard = Annotated[
    str | None, typer.Option(metavar="I/N", help="Only the I-th of N shares of the list; 'auto' asks the cluster.")
]
Recursive = Annotated[
    bool | None, typer.Option("--recursive/--no-recursive", help="Look into the folders of a folder.")
]
Include = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Of a folder's files only these ('*.jpg', 'day1/*'); repeatable."),
]
Exclude = Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Of a folder's files not these; repeatable.")]
NewerThan = Annotated[
    str | None, typer.Option(metavar="WHEN", help="Of a folder's files only those changed since: 2026-11-01, 7d, 12h.")
]
Watch = Annotated[
    bool, typer.Option("--watch", help="Go on with what comes into the folder, until Ctrl-C; needs a limit, or --yes.")
]
Key = Annotated[
    str | None,
    value_option("key", metavar="NAME", meaning="Your own name for the job: the same name is the same job."),
]
Tag = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="NAME", help="A label for 'spend' and 'status'; repeatable.", autocompletion=tags),
]
FailedFile = Annotated[str | None, typer.Option(metavar="PATH", help="Where to list what did not succeed.")]

# Where results go.
Output = Annotated[
    str | None,
    value_option("output", "-o", "--output", metavar="PATH", meaning="A file, a folder, a template with {}, or '-'."),
]
Overwrite = Annotated[
    bool | None, typer.Option("--overwrite/--no-overwrite", help="Replace a file that is in the way.")
]
MaxFilesize = Annotated[
    int | None,
    value_option(
        "max-filesize",
        metavar="SIZE",
        meaning="Refuse a result that is larger: 500M, 8G.",
    ),
]

KeepMetadata = Annotated[
    bool | None,
    typer.Option(
        "--keep-metadata/--no-keep-metadata",
        help="Carry EXIF, profile, XMP, IPTC, density and time of a file of this machine to its result. Given, of a "
        "URL too, which is fetched for it.",
    ),
]
KeepSound = Annotated[
    bool | None,
    typer.Option(
        "--keep-sound/--no-keep-sound",
        help="Copy the sound, subtitles, chapters, rotation and time that a video lost of a file of this machine. "
        "Given, of a URL too, which is fetched for it.",
    ),
]
Embed = Annotated[
    bool, typer.Option("--embed", help="Write request id, endpoint and parameters into the picture's metadata (XMP).")
]
Sidecar = Annotated[bool, typer.Option("--sidecar", help="Write NAME.json beside each result: the JSON object.")]
Summary = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write the run's totals there at its end, as one JSON object.")
]

# A look at results.
Compare = Annotated[
    bool, typer.Option("--compare", help="Write NAME-compare.jpg beside each result: before and after, side by side.")
]
Preview = Annotated[bool, typer.Option("--preview", help="Show before and after in the terminal.")]

# Money.
MaxCost = Annotated[
    int | None, value_option("max-cost", metavar="USD", meaning="Submit nothing that could take the run past it.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the requests and the list price; send nothing.")]
Plan = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Write the requests there for 'seedvr apply', with their list price; send nothing."
    ),
]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask before a run that costs more than a dollar.")]
New = Annotated[bool, typer.Option("--new", help="Pay again, whatever the ledger says.")]
IfChanged = Annotated[
    bool, typer.Option("--if-changed", help="Pay again for what has changed at its URL since it was paid for.")
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Submit again what ended FAILED.")]

# How fast, and how long.
Jobs = Annotated[
    int | None,
    value_option("jobs", "-j", "--jobs", metavar="N", meaning="Jobs in flight at once."),
]
PollInterval = Annotated[
    float | None,
    value_option(
        "poll-interval",
        metavar="SECONDS",
        meaning="At most, between two polls of a job.",
    ),
]
Timeout = Annotated[
    float | None,
    value_option(
        "timeout",
        metavar="DURATION",
        meaning="Stop waiting, not the job: 90s, 30m, 2h.",
    ),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Submit, print the request ids, end.")]
NoDownload = Annotated[bool, typer.Option("--no-download", help="Wait, print the media URLs, end.")]
Rate = Annotated[float | None, value_option("rate", metavar="N/s", meaning="Submissions a second, at the most.")]
SharedRate = Annotated[
    bool, typer.Option("--shared-rate", help="--rate is that of all machines which share the ledger, together.")
]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="After a failure, submit nothing more.")]
SkipClaimed = Annotated[
    bool, typer.Option("--skip-claimed", help="Leave what another run submits or waits for; it ends with code 6.")
]

# Every command.
Json = Annotated[bool | None, typer.Option("--json/--no-json", help="One JSON object a line.")]
Fields = Annotated[
    str | None,
    typer.Option(
        "--fields",
        metavar="LIST",
        help="Only these keys of the JSON object, as in status,files[0].path; without a LIST, what there is.",
        parser=read_fields,
        autocompletion=field_words,
    ),
]
Print = Annotated[
    str | None,
    typer.Option("--print", metavar="TEXT", help="A line of your own for each result: '{request_id} {files[0].path}'."),
]
Quiet = Annotated[bool | None, typer.Option("-q", "--quiet/--no-quiet", help="Nothing but errors on standard error.")]
Verbose = Annotated[bool | None, typer.Option("-v", "--verbose/--no-verbose", help="Say more on standard error.")]
Progress = Annotated[str | None, value_option("progress", meaning="How progress is shown.")]
Rows = Annotated[
    int | None,
    value_option("rows", metavar="N", meaning="Jobs that the live display shows at once."),
]
Title = Annotated[bool | None, typer.Option("--title/--no-title", help="How far it is in the terminal's title.")]
Bell = Annotated[bool | None, typer.Option("--bell/--no-bell", help="Ring the terminal's bell at the end.")]
BaseUrl = Annotated[str | None, value_option("base-url", metavar="URL", meaning="Another gateway.")]
CaBundle = Annotated[
    str | None,
    value_option("ca-bundle", metavar="PATH", meaning="Trust these certificates alone; 'system': this machine's."),
]
ClientCert = Annotated[
    str | None, value_option("client-cert", metavar="PATH", meaning="A certificate to show the gateway (PEM).")
]
ClientKey = Annotated[
    str | None, value_option("client-key", metavar="PATH", meaning="Its key, where that is in a file of its own.")
]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="A gateway on this machine: no key, no charge, no SeedVR2.")]
Profile = Annotated[
    str | None, typer.Option(metavar="NAME", help="A profile of the config file.", autocompletion=profiles)
]
ApiKeyFile = Annotated[str | None, typer.Option(metavar="PATH", help="Read the key there; '-' is standard input.")]
