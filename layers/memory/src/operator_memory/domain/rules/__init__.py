"""Facts found by rules, for systems without a language model."""
