"""Real-time semantic segmentation on the edge: SwiftNet engines, built, proven and served."""

__version__ = "0.1.0"
