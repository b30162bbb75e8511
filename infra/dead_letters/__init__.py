"""Dead letters, by hand: look at what was given up, put it back into its queue, or drop it."""
