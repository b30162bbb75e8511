"""How fast memories are copied, backed up and brought back, and how much memory that takes."""
