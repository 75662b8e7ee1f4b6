"""What was paid for, and which file it became: SQLite, shared by all processes of a user."""
