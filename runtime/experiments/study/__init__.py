"""A study: one file of models x pruning x recovery x precision, as a resumable graph of steps."""
