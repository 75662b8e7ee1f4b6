"""What everything else is made of: pure values and arithmetic, standard library only."""
