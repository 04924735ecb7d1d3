"""One module per library that computes a network; `open_engine` picks and imports lazily."""

from runtime.inference.backends.open_engine import open_engine

__all__ = ["open_engine"]
