"""The sandbox's stand-in for the models: a source file in, an upscaled file out."""

from collections.abc import Mapping
from pathlib import Path

from seedvr_cli.sandbox.upscale.rendering import Rendered, UpscaleError, VideoSupportMissing
from seedvr_cli.values.catalog import ENDPOINTS

__all__ = ["Rendered", "UpscaleError", "VideoSupportMissing", "upscale"]


def upscale(
    endpoint: str, source: Path, folder: Path, params: Mapping[str, object], *, seed: int, bare: bool = False
) -> Rendered:
    """Upscale `source` as `endpoint` would and write `folder/output.<ext>`, whole or not at all.

    `endpoint` is a name of the catalog; `params` is the validated request body under the wire's
    names (reference: Request Parameters of each endpoint), of which the unknown ones are ignored. The same source,
    params and seed give the same bytes. `bare`: of a video the pictures alone, as they are stored.
    Blocks for as long as it takes: run it in a thread or a process.

    Raises UpscaleError, and VideoSupportMissing where a video is asked for without PyAV.
    """
    # Pillow and PyAV take tens of milliseconds to import, and PyAV is optional: neither loads before it is needed.
    if ENDPOINTS[endpoint].kind == "video":
        try:
            from seedvr_cli.sandbox.upscale.video import upscale_video
        except ImportError as error:
            raise VideoSupportMissing from error
        return upscale_video(source, folder, params, bare=bare)

    from seedvr_cli.sandbox.upscale.picture import upscale_picture

    return upscale_picture(ENDPOINTS[endpoint], source, folder, params, seed=seed)
