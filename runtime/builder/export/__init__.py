"""From a network to ONNX: tracing, folding of batch norms, emission, and what 8.5 imports."""
