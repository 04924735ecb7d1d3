"""Where a frame lies inside the network's input, and how to get back."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.repository.manifest import InputSpec


@dataclass(frozen=True)
class Placement:
    """The rectangle of the network's input that shows the frame, in input pixels.

    Everything outside it is padding. With `stretch` it is the whole input.
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """The frame's rows of the input."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """The frame's columns of the input."""
        return slice(self.left, self.left + self.width)


def place(frame_height: int, frame_width: int, spec: InputSpec) -> Placement:
    """Fits a frame of any size into the input: centred, as large as its aspect ratio allows.

    The scaled side is rounded half up and is at least one pixel.

    Args:
        frame_height: pixels.
        frame_width: pixels.
        spec: size and geometry of the input.
    """
    if spec.geometry == "stretch":
        return Placement(0, 0, spec.height, spec.width)
    scale = min(spec.height / frame_height, spec.width / frame_width)
    height = max(1, min(spec.height, int(frame_height * scale + 0.5)))
    width = max(1, min(spec.width, int(frame_width * scale + 0.5)))
    return Placement((spec.height - height) // 2, (spec.width - width) // 2, height, width)
