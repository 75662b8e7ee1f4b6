"""The sandbox's HTTP: ranges, and a client of its own."""
