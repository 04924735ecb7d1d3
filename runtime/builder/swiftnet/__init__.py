"""The SwiftNet family: encoders, variants, decoder, and the description they are built from."""

from __future__ import annotations

from runtime.builder.swiftnet.architecture import Architecture
from runtime.builder.swiftnet.network import SwiftNet
from runtime.builder.swiftnet.widths import Widths

__all__ = ["Architecture", "SwiftNet", "Widths"]
