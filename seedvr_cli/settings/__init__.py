"""A user's key and defaults: the config file, the environment, and where things are kept."""
