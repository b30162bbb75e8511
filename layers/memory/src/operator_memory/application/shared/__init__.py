"""What the use cases of several subjects share."""
