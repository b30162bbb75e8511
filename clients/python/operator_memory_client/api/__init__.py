"""The routes of the service as methods; generated but for this line."""
