"""How long a worker that learns may still be writing."""

LEASE_SECONDS = 330
"""How long a worker holds a job: the extraction function's time limit and a little more."""
