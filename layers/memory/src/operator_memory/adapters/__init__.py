"""One external system a file, each behind a port of ``application.ports.core``."""
