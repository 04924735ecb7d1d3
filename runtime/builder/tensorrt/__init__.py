"""TensorRT plans from ONNX files, by TensorRT alone: a device builds its own."""
