"""The CUDA kernels: their sources, the binaries made from them, and what launching one takes."""
