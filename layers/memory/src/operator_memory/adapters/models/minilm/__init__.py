"""MiniLM on plain numpy: tokenizer, weights, network."""
