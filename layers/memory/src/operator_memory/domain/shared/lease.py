"""How long a worker that learns may still be writing."""

LEASE_SECONDS = 330
"""How long a worker holds a job: the extraction function's time limit and a little more."""

HOLD_SECONDS = LEASE_SECONDS + 5
"""How long the queue keeps a message from other workers while one works on it. A worker that is killed does not give
it back; by then its lease of the job has ended too."""
