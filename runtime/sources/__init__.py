"""Sources of frames: files, folders, cameras, addresses and a test pattern."""
