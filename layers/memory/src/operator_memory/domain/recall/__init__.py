"""Which memories answer a question, in what order, and how they are written for the model."""
