"""A gateway on this machine, which really upscales and is not SeedVR2."""
