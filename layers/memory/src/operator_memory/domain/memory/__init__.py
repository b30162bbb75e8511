"""What a memory is, where it belongs, and the texts it is found by."""
