"""How times are said, and which days they mean."""
