"""Where finished runs wait until the service has taken them."""
