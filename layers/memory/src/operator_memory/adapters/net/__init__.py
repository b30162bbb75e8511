"""HTTP, retries and service tokens."""
