"""The options, named, so that a command's signature reads like a sentence. Values are checked by the catalog."""

from collections.abc import Callable
from typing import Annotated

import typer

from seedvr_cli.cli.completion import profiles, request_ids
from seedvr_cli.values.catalog import ENDPOINTS, SECOND_SPELLINGS, WEBHOOK_MODES

PROGRESS_FORMS = ("auto", "live", "plain", "none")


def _words(*words: str) -> Callable[[str], list[str]]:
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def _choices(flag: str, kind: str) -> Callable[[str], list[str]]:
    found: dict[str, None] = {}
    for endpoint in ENDPOINTS.values():
        if endpoint.kind == kind and (parameter := endpoint.by_flag(flag)):
            found |= dict.fromkeys(word for word in parameter.choices if word not in SECOND_SPELLINGS)
    return _words(*found)


Sources = Annotated[
    list[str] | None,
    typer.Argument(metavar="SOURCE...", help="https URLs, local files or folders.", show_default=False),
]
RequestIds = Annotated[
    list[str] | None, typer.Argument(metavar="[REQUEST_ID]...", show_default=False, autocompletion=request_ids)
]

# The request.
Model = Annotated[str | None, typer.Option(metavar="7b|3b", help="Which model.", autocompletion=_words("7b", "3b"))]
Scale = Annotated[str | None, typer.Option("-x", "--scale", metavar="N", help="Multiply the size, 1-8.")]
VideoScale = Annotated[str | None, typer.Option("-x", "--scale", metavar="N", help="Multiply the size, 1-4.")]
Width = Annotated[str | None, typer.Option(metavar="N", help="Output width in pixels, 256-4096 (7B).")]
Height = Annotated[str | None, typer.Option(metavar="N", help="Output height in pixels, 256-4096 (7B).")]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="720p|1080p|1440p|2160p", help="Output resolution (3B).", autocompletion=_choices("target", "image")
    ),
]
VideoTarget = Annotated[
    str | None,
    typer.Option(metavar="720p|1080p", help="Output resolution.", autocompletion=_choices("target", "video")),
]
Format = Annotated[
    str | None,
    typer.Option(
        "-f", "--format", metavar="png|jpg|webp", help="Of the result.", autocompletion=_choices("format", "image")
    ),
]
VideoFormat = Annotated[
    str | None,
    typer.Option(
        "-f", "--format", metavar="h264|h265", help="Codec of the result.", autocompletion=_choices("format", "video")
    ),
]
Noise = Annotated[str | None, typer.Option(metavar="N", help="0-1. 7B: adds synthetic detail. 3B: smooths noise away.")]
VideoNoise = Annotated[str | None, typer.Option("--noise", metavar="N", help="0-1, smooths noise away.")]
Seed = Annotated[str | None, typer.Option(metavar="N", help="0-2147483647; the same seed, the same result.")]
JobId = Annotated[str | None, typer.Option(metavar="TEXT", help="Your own name for the job (7B).")]
Sync = Annotated[bool, typer.Option("--sync", help="Let the answer carry the result (3B).")]
Quality = Annotated[
    str | None,
    typer.Option(
        metavar="low|medium|high", help="Of the encoding.", autocompletion=_choices("quality", "video")
    ),
]  # fmt: skip
WriteMode = Annotated[
    str | None,
    typer.Option(
        metavar="fast|balanced|quality", help="Speed of the encoding.", autocompletion=_choices("write-mode", "video")
    ),
]
Webhook = Annotated[str | None, typer.Option(metavar="URL", help="The gateway calls it with the result (https).")]
WebhookMode = Annotated[
    str | None,
    typer.Option(metavar="terminal|sync", help="Once at the end, or each time.", autocompletion=_words(*WEBHOOK_MODES)),
]
BodyWebhook = Annotated[str | None, typer.Option(metavar="URL", help="3B's own webhook, in the body.")]
BodyWebhookEvents = Annotated[str | None, typer.Option(metavar="LIST", help="Its events, such as 'completed'.")]
Param = Annotated[
    list[str] | None, typer.Option("-p", "--param", metavar="KEY=VALUE", help="Any other body key; repeatable.")
]

# The run.
Recursive = Annotated[bool, typer.Option("--recursive", help="Look into the folders of a folder.")]
Output = Annotated[
    str | None, typer.Option("-o", "--output", metavar="PATH", help="A file, a folder, a template with {}, or '-'.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is in the way.")]
Jobs = Annotated[str | None, typer.Option("-j", "--jobs", metavar="N", help="Jobs in flight at once (16).")]
PollInterval = Annotated[str | None, typer.Option(metavar="SECONDS", help="Between two polls of a job (5).")]
Timeout = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Stop waiting, not the job: 90s, 30m, 2h (30m; video 2h).")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Submit, print the request ids, end.")]
NoDownload = Annotated[bool, typer.Option("--no-download", help="Wait, print the media URLs, end.")]
New = Annotated[bool, typer.Option("--new", help="Pay again, whatever the ledger says.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Submit again what ended FAILED.")]
MaxCost = Annotated[str | None, typer.Option(metavar="USD", help="Submit nothing that could take the run past it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the requests and the list price; send nothing.")]
FailedFile = Annotated[str | None, typer.Option(metavar="PATH", help="Where to list what did not succeed.")]

From = Annotated[
    list[str] | None, typer.Option("--from", metavar="FILE", help="A list of sources; '-' is standard input.")
]
Shard = Annotated[
    str | None, typer.Option(metavar="I/N", help="Only the I-th of N shares of the list; 'auto' asks the cluster.")
]
Rate = Annotated[str | None, typer.Option(metavar="N/s", help="Submissions a second, at the most.")]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="After a failure, submit nothing more.")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask before a run that costs more than a dollar.")]

# Every command.
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Nothing but errors on standard error.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more on standard error.")]
Progress = Annotated[
    str | None,
    typer.Option(
        metavar="auto|live|plain|none", help="How progress is shown.", autocompletion=_words(*PROGRESS_FORMS)
    ),
]  # fmt: skip
BaseUrl = Annotated[str | None, typer.Option(metavar="URL", help="Another gateway.")]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="A gateway on this machine: no key, no charge, no SeedVR2.")]
Profile = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of the config file.", autocompletion=profiles)
]  # fmt: skip
ApiKeyFile = Annotated[str | None, typer.Option(metavar="PATH", help="Read the key there; '-' is standard input.")]
