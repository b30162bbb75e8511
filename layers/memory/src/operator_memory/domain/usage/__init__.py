"""Values of what an account uses, may spend and may keep."""
