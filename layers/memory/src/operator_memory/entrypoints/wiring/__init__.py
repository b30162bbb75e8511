"""The one place that chooses adapters: a module for each function, whose ``build_*`` makes what it needs."""
