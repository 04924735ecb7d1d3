"""Training: a plan, the pictures as batches, the loop, and what survives a kill."""
