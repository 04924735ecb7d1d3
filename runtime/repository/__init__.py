"""Engine folders: the manifest that vouches for them, and the build for this machine."""
