"""What is learned from a run: jobs, the decision about each fact, importance."""
