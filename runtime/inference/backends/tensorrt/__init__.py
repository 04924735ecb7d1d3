"""Plans run by TensorRT, from the frame to the label map on the GPU."""
