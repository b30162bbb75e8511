"""What the functions have to know while all memories are moved into another collection."""
