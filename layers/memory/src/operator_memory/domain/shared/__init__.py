"""Values that several subjects use."""
