"""`runtime doctor` and `runtime inspect`: what fits this machine, what an engine holds."""
