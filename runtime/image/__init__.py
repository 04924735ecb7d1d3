"""Frames and label maps, as values and as bytes: decoding, colour, every form of a mask."""
