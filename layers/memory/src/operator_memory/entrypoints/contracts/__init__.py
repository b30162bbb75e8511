"""Wire contracts: what callers send and receive, and the checks at the edge."""
