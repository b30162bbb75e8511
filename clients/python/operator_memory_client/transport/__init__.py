"""How calls travel: decisions without I/O, and two thin shells that carry them out."""
