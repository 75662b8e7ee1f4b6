"""`seedvr image`."""

from seedvr_cli.cli.groups import (
    CommonOptions,
    ImageOutput,
    ImageRequest,
    LookOptions,
    MoneyOptions,
    SourceOptions,
    SubmittingOptions,
    WaitingOptions,
    command,
)


@command
def image(
    request: ImageRequest,
    sources: SourceOptions,
    output: ImageOutput,
    looks: LookOptions,
    waiting: WaitingOptions,
    submitting: SubmittingOptions,
    money: MoneyOptions,
    common: CommonOptions,
) -> int:
    """Upscale pictures: PNG, JPEG or WebP. --dry-run shows the list price.

    Results go into the current folder as NAME-2x.png and the like, and each path is printed when its file is whole.
    The same command again pays for nothing twice.
    """
    from seedvr_cli.cli.upscale import upscale

    return upscale(request, sources, output, waiting, submitting, money, common.resolve(), looks)
