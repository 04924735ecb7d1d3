"""The GPU: its context, memory, streams and kernels, behind one module that knows pycuda."""
