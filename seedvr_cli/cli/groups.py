"""Options that belong together: a command says which groups it takes, and a new flag is one line in one group."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

from seedvr_cli.cli import options as o
from seedvr_cli.cli.flags import request_flags
from seedvr_cli.values.catalog import Kind
from seedvr_cli.values.options import read

if TYPE_CHECKING:
    from seedvr_cli.cli.context import Common


# Under which headings --help shows options, in its order; what is a command's own comes before them.
OWN = "Options"
HEADINGS = ("Upscaling", "Sources", "Output", "Money", "Waiting", "Callbacks", "Gateway", "Talk")


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Group:
    """Options as fields, with their defaults; None is what was not given, and what was given is parsed.

    --help shows them under `heading`, but for those that are `elsewhere`, and those that are `rare` behind the others.
    What is `absent` in a group made of another one is no option there, and keeps its default.

    To a type checker each group is a frozen dataclass. Real ones would cost every start, --help too, 0.8 ms each.
    """

    heading = ""
    elsewhere: ClassVar[Mapping[str, str]] = {}
    rare: ClassVar[frozenset[str]] = frozenset()
    absent: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)  # the class has the defaults of the rest

    @classmethod
    def options(cls) -> Iterator[inspect.Parameter]:
        """Each option as a parameter of a command."""
        for owner in reversed(cls.__mro__[: cls.__mro__.index(Group)]):
            for name, annotation in inspect.get_annotations(owner).items():
                if name not in cls.absent:
                    yield _option(name, annotation, getattr(cls, name))

    @classmethod
    def collect(cls, given: Mapping[str, Any]) -> Self:
        """The group of the values that a command was given."""
        return cls(**given)

    @classmethod
    def place(cls, name: str) -> "tuple[str, bool]":
        """The heading that an option stands under, and whether it is rare."""
        return cls.elsewhere.get(name, cls.heading), name in cls.rare


def command(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """A command for Typer, of a function whose parameters are options and groups of them."""
    signature = inspect.signature(function)
    options: list[inspect.Parameter] = []
    groups: dict[str, tuple[type[Group], list[str]]] = {}
    places: dict[str, tuple[str, bool]] = {}
    for parameter in signature.parameters.values():
        group = parameter.annotation
        if isinstance(group, type) and issubclass(group, Group):
            own = list(group.options())
            groups[parameter.name] = group, [option.name for option in own]
            places |= {option.name: group.place(option.name) for option in own}
            options += own
        else:
            options.append(_option(parameter.name, group, parameter.default))

    def call(**given: Any) -> int | None:
        for name, (group, names) in groups.items():
            given[name] = group.collect({option: given.pop(option) for option in names})
        return function(**given)

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    call.__annotations__ = {}  # Typer reads them before the signature, and would have to evaluate them all
    call.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
    call.places = places  # type: ignore[attr-defined] # what Typer makes of a function keeps what it has
    return call


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


class RequestOptions(Group):
    """What is asked of the gateway. Its flags are those of the catalog for the kind, and what goes beside them.

    `values` by flag name, `extra` other body keys; neither is checked against an endpoint yet.
    """

    kind: ClassVar[Kind]
    heading = "Upscaling"
    elsewhere = dict.fromkeys(("webhook", "webhook_mode", "body_webhook", "body_webhook_events"), "Callbacks")
    rare = frozenset({"job_id", "sync", "param", "webhook_mode", "body_webhook", "body_webhook_events"})

    model: str | None
    values: Mapping[str, Any]
    extra: Mapping[str, Any]

    @classmethod
    def options(cls) -> Iterator[inspect.Parameter]:
        """The request's flags."""
        beside = {"webhook": o.Webhook, "webhook_mode": o.WebhookMode, "param": o.Param}
        for name, annotation in (*request_flags(cls.kind), *beside.items()):
            yield _option(name, annotation, None)

    @classmethod
    def collect(cls, given: Mapping[str, Any]) -> Self:
        """The values by the flags' names."""
        values = {name.replace("_", "-"): value for name, value in given.items()}
        extra = read("param", values.pop("param") or [], "-p")
        return cls(model=values.pop("model", None), values=values, extra=extra)


class ImageRequest(RequestOptions):
    """What is asked of an endpoint for pictures."""

    kind = "image"


class VideoRequest(RequestOptions):
    """What is asked of an endpoint for videos."""

    kind = "video"


class SourceOptions(Group):
    """What to run, and where to list what did not succeed."""

    heading = "Sources"
    elsewhere = dict.fromkeys(("failed_file",), "Output")
    rare = frozenset({"shard", "newer_than", "key", "failed_file"})

    sources: o.Sources = None
    lists: o.From = None
    shard: o.Shard = None
    recursive: o.Recursive = None
    include: o.Include = None
    exclude: o.Exclude = None
    newer_than: o.NewerThan = None
    watch: o.Watch = False
    key: o.Key = None
    tag: o.Tag = None
    failed_file: o.FailedFile = None


class OutputOptions(Group):
    """Where results go."""

    heading = "Output"
    rare = frozenset({"max_filesize", "embed"})

    output: o.Output = None
    overwrite: o.Overwrite = None
    max_filesize: o.MaxFilesize = None
    keep_metadata: o.KeepMetadata = None
    keep_sound: o.KeepSound = None
    embed: o.Embed = False
    sidecar: o.Sidecar = False
    summary: o.Summary = None


class ImageOutput(OutputOptions):
    """Where pictures go."""

    absent = frozenset({"keep_sound"})


class VideoOutput(OutputOptions):
    """Where videos go."""

    absent = frozenset({"keep_metadata", "embed"})


class LookOptions(Group):
    """What is shown of results."""

    heading = "Output"
    rare = frozenset({"compare", "preview"})

    compare: o.Compare = False
    preview: o.Preview = False


class WaitingOptions(Group):
    """How many jobs at once, how often they are asked after, and for how long. Seconds."""

    heading = "Waiting"
    rare = frozenset({"poll_interval"})

    jobs: o.Jobs = None
    poll_interval: o.PollInterval = None
    timeout: o.Timeout = None
    no_download: o.NoDownload = False


class SubmittingOptions(Group):
    """How submissions go; `rate` is a second."""

    heading = "Waiting"
    elsewhere = dict.fromkeys(("check", "keep_upload"), "Sources") | dict.fromkeys(
        ("callback", "public_url"), "Callbacks"
    )
    rare = frozenset({"keep_upload", "shared_rate", "skip_claimed"})

    no_wait: o.NoWait = False
    check: o.Check = None
    keep_upload: o.KeepUpload = None
    callback: o.Callback = False
    public_url: o.PublicUrl = None
    rate: o.Rate = None
    shared_rate: o.SharedRate = False
    fail_fast: o.FailFast = False
    skip_claimed: o.SkipClaimed = False


class MoneyOptions(Group):
    """What may be paid for; `max_cost` in millionths of a dollar."""

    heading = "Money"

    max_cost: o.MaxCost = None
    dry_run: o.DryRun = False
    plan: o.Plan = None
    yes: o.Yes = False
    new: o.New = False
    if_changed: o.IfChanged = False
    retry_failed: o.RetryFailed = False


class LedgerOptions(Group):
    """For commands that look into the ledger, and talk to nobody."""

    heading = "Talk"
    elsewhere = dict.fromkeys(
        ("base_url", "sandbox", "profile", "api_key_file", "ca_bundle", "client_cert", "client_key"), "Gateway"
    )

    json: o.Json = None
    quiet: o.Quiet = None
    base_url: o.BaseUrl = None
    sandbox: o.Sandbox = False
    profile: o.Profile = None

    def resolve(self) -> "Common":
        """With what the environment and the profile say; UsageError where they are wrong."""
        from seedvr_cli.cli.context import Common

        return Common.resolve(**self.__dict__)


class NetworkOptions(LedgerOptions):
    """For commands that talk to others than the ledger."""

    rare = frozenset({"ca_bundle", "client_cert", "client_key"})

    ca_bundle: o.CaBundle = None
    client_cert: o.ClientCert = None
    client_key: o.ClientKey = None


class CommonOptions(NetworkOptions):
    """For commands that talk to the gateway."""

    fields: o.Fields = None
    template: o.Print = None
    verbose: o.Verbose = None
    progress: o.Progress = None
    rows: o.Rows = None
    title: o.Title = None
    bell: o.Bell = None
    api_key_file: o.ApiKeyFile = None


class CheckupOptions(NetworkOptions):
    """For `doctor`, which resolves them itself: what is wrong with them is what it is asked for."""

    verbose: o.Verbose = None
    api_key_file: o.ApiKeyFile = None
