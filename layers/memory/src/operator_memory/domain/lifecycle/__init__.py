"""How long memories are kept."""
