"""Events and results to text: the only place with Rich."""
