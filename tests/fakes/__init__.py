"""Stand-ins: what the program talks to, in the hands of a test."""
