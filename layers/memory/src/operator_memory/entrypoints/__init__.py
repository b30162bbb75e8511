"""Where the outside world comes in: settings, wiring, wire contracts, HTTP errors, observability."""
