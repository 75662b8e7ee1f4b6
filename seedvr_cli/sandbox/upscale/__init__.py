"""The sandbox's stand-in for the models: a source file in, an upscaled file out."""
