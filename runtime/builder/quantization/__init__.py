"""INT8: distributions of activations, thresholds, and where values are rounded."""
