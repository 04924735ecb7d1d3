"""The SwiftNet family: encoders, variants, decoder, and the description they are built from."""

from __future__ import annotations

from runtime.builder.swiftnet.architecture import Architecture, Widths
from runtime.builder.swiftnet.network import SwiftNet

__all__ = ["Architecture", "SwiftNet", "Widths"]
