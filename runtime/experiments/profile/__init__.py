"""Where a forward pass spends its time: milliseconds per pyramid level and residual block."""
