"""Usage, by hand: what an account has used, as a table."""
