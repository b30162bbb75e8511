"""Helpers for tests of the devstack's own parts."""
