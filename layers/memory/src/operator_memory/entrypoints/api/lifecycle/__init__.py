"""Routes of the life cycle: policies, archive, legal holds, usage."""
