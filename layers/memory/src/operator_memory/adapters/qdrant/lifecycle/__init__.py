"""The store as the life cycle sees it: selections of a policy, and whole memories that move to the archive and back."""
