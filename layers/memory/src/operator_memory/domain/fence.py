"""The fence around the memories in a prompt."""

FENCE_NAME = "operator_memory"
"""Name of the element around an injected context; extraction strips it, so memories are not learned again."""
