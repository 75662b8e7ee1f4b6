"""A local file gets a URL that the gateway can read."""
