"""The blocks of constants that the kernels take by value, as C lays them out.

One place in Python for what `parameters.cuh` says in C++; the host build of the kernels tells its
own sizes and offsets, and a test compares the two. Addresses are the device's.
"""

from __future__ import annotations

import ctypes
from typing import Dict, Final

from typing_extensions import Literal

Element = Literal["float32", "float16", "int8"]
ELEMENT_CODES: Final[Dict[Element, int]] = {"float32": 0, "float16": 1, "int8": 2}
ELEMENT_BYTES: Final[Dict[Element, int]] = {"float32": 4, "float16": 2, "int8": 1}

MAX_SIDE: Final = 16384
"""Pixels; positions are computed as whole numbers of 32 bits, and weights from exact floats."""
MAX_CLASSES: Final = 255
PALETTE_BYTES: Final = 3 * 256
TALLY_WORDS: Final = 257
"""uint32 of a tally: pixels of each of 256 ids, then 1 where a logit is not a finite number."""


class PreprocessParameters(ctypes.Structure):
    """Of the kernels `preprocess_*`: a frame in, the network's planar input out.

    Attributes:
        pixels: uint8 rows of `pitch` bytes: packed colours, or NV12's luma.
        chroma: NV12's rows of U and V in turn, `chroma_pitch` bytes each; 0 for packed colours.
        input: (3, height, width) of `element`, contiguous, written as a whole.
        image: takes the rectangle as uint8 BGR, rows of `image_pitch` bytes; 0 for none.
        element: a value of ELEMENT_CODES.
        red_first: 1 where the network takes RGB, 0 for BGR.
        pad: 0 to 255, like `mean` and `deviation` in the network's order.
        scale: of int8 elements: what one step stands for.
        luma_offset: like those below of `YuvCoding`; unused for packed colours.
    """

    _fields_ = (
        ("pixels", ctypes.c_uint64),
        ("chroma", ctypes.c_uint64),
        ("input", ctypes.c_uint64),
        ("image", ctypes.c_uint64),
        ("pitch", ctypes.c_int32),
        ("chroma_pitch", ctypes.c_int32),
        ("image_pitch", ctypes.c_int32),
        ("source_height", ctypes.c_int32),
        ("source_width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("top", ctypes.c_int32),
        ("left", ctypes.c_int32),
        ("shown_height", ctypes.c_int32),
        ("shown_width", ctypes.c_int32),
        ("element", ctypes.c_int32),
        ("red_first", ctypes.c_int32),
        ("pad", ctypes.c_float * 3),
        ("mean", ctypes.c_float * 3),
        ("deviation", ctypes.c_float * 3),
        ("scale", ctypes.c_float),
        ("luma_offset", ctypes.c_float),
        ("luma_gain", ctypes.c_float),
        ("red_from_v", ctypes.c_float),
        ("green_from_u", ctypes.c_float),
        ("green_from_v", ctypes.c_float),
        ("blue_from_u", ctypes.c_float),
    )


class LabelsParameters(ctypes.Structure):
    """Of the kernels `labels_*`: low-resolution logits in, labels of the shown rectangle out.

    Attributes:
        logits: float16 or float32; class c of row y, column x is `class_stride * c +
            row_stride * y + column_stride * x` elements on.
        labels: (shown_height, shown_width) uint8, rows of `labels_pitch` bytes.
        image: uint8 BGR rows of `image_pitch` bytes, of the labels' size; 0 for no overlay.
        overlay: like `image`, and may be the same memory.
        tally: TALLY_WORDS uint32 that were zeroed; added to.
        height: of the whole upsampled image, of which the rectangle (top, left, shown_height,
            shown_width) is labelled; `width` likewise.
        opacity: share of the palette's colour, 0 to 1.
        transparency: 1 - opacity.
        palette: BGR of each of 256 ids.
    """

    _fields_ = (
        ("logits", ctypes.c_uint64),
        ("labels", ctypes.c_uint64),
        ("image", ctypes.c_uint64),
        ("overlay", ctypes.c_uint64),
        ("tally", ctypes.c_uint64),
        ("classes", ctypes.c_int32),
        ("grid_height", ctypes.c_int32),
        ("grid_width", ctypes.c_int32),
        ("class_stride", ctypes.c_int32),
        ("row_stride", ctypes.c_int32),
        ("column_stride", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("top", ctypes.c_int32),
        ("left", ctypes.c_int32),
        ("shown_height", ctypes.c_int32),
        ("shown_width", ctypes.c_int32),
        ("labels_pitch", ctypes.c_int32),
        ("image_pitch", ctypes.c_int32),
        ("overlay_pitch", ctypes.c_int32),
        ("opacity", ctypes.c_float),
        ("transparency", ctypes.c_float),
        ("palette", ctypes.c_uint8 * PALETTE_BYTES),
    )


class ResizeParameters(ctypes.Structure):
    """Of the kernel `resize_labels`: labels at another size, by nearest neighbour.

    Attributes:
        labels: (source_height, source_width) uint8, rows of `labels_pitch` bytes.
        resized: (height, width) uint8, rows of `resized_pitch` bytes.
    """

    _fields_ = (
        ("labels", ctypes.c_uint64),
        ("resized", ctypes.c_uint64),
        ("labels_pitch", ctypes.c_int32),
        ("resized_pitch", ctypes.c_int32),
        ("source_height", ctypes.c_int32),
        ("source_width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
    )
