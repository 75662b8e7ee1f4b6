"""The sandbox's HTTP: connections that it serves, ranges, and a client of its own."""
