"""What this machine is and how it is doing: the GPU, and the files of a Jetson's kernel."""
