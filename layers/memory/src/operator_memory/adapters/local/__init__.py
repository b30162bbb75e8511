"""What needs no other system: the clock, fixed switches, events in the log."""
