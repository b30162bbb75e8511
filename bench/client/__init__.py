"""What the client adds to the start of a run."""
