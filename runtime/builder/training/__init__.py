"""Training: a plan, the images as batches, the loop, and what survives a kill."""
