"""The management API: routes, what they accept and answer, and who may call them."""
