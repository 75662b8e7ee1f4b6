"""`seedvr video`."""

from seedvr_cli.cli.groups import (
    CommonOptions,
    MoneyOptions,
    SourceOptions,
    SubmittingOptions,
    VideoOutput,
    VideoRequest,
    WaitingOptions,
    command,
)


@command
def video(
    request: VideoRequest,
    sources: SourceOptions,
    output: VideoOutput,
    waiting: WaitingOptions,
    submitting: SubmittingOptions,
    money: MoneyOptions,
    common: CommonOptions,
) -> int:
    """Upscale videos: MP4, MOV, AVI or WebM, priced by the output's resolution.

    Results go into the current folder as NAME-1080p.mp4 and the like, and each path is printed when its file is whole.
    The same command again pays for nothing twice.
    """
    from seedvr_cli.cli.upscale import upscale

    return upscale(request, sources, output, waiting, submitting, money, common.resolve())
