"""seedvr: upscale pictures and videos with the hosted SeedVR2 gateway."""

__version__ = "0.1.0"
