"""Use cases of what an account uses, may spend and may keep. All subjects may be counted; it knows none of them."""
