"""What tests look through and work with: the real command, terminals, screens, the machine."""
