"""Counters of what accounts use, and their budgets."""
