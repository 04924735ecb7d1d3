"""How masks are asked for: the parameters of an address, and the Accept header."""

from __future__ import annotations

from typing import Dict, Optional

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import QueryParams

from runtime.errors import InvalidInput, UnsupportedFormat
from runtime.image.mask_formats import FORMATS, EncodeOptions, format_for
from runtime.inference.engine import MaskSize, SegmentOptions
from runtime.serving.api.errors import NotAcceptable, shown


def parameters(query_string: bytes) -> Dict[str, str]:
    """What an address asks for, by name.

    Raises:
        InvalidInput: a parameter is given twice, and it cannot be known which one is meant.
    """
    given: Dict[str, str] = {}
    for name, value in QueryParams(query_string).multi_items():
        if name in given:
            raise InvalidInput(f"the parameter {shown(name)} is given twice", "Give it once")
        given[name] = value
    return given


def unambiguous(request: Request) -> None:
    """What every route depends on.

    Raises:
        InvalidInput: a parameter is given twice.
    """
    parameters(request.scope["query_string"])


class MaskQuery(BaseModel):
    """In which form a mask is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Optional[str] = Field(
        default=None,
        max_length=64,
        description=f"form of the mask: {', '.join(FORMATS)}; wins over Accept",
    )
    opacity: float = Field(default=0.5, ge=0, le=1, description="cover of an overlay's colours")
    quality: int = Field(default=80, ge=1, le=100, description="JPEG quality of an overlay")
    epsilon: float = Field(
        default=1.0, ge=0, le=1000, description="simplification of polygons, pixels of the mask"
    )

    @property
    def encode_options(self) -> EncodeOptions:
        """The part that concerns the encoders."""
        return EncodeOptions(self.opacity, self.quality, self.epsilon)

    def format_name(self, accept: Optional[str]) -> str:
        """The key of FORMATS that is asked for.

        Raises:
            InvalidInput: there is no format of that name.
            NotAcceptable: none of the formats has a media type that `accept` names.
        """
        try:
            return format_for(accept, self.format)
        except UnsupportedFormat as fault:
            kind = NotAcceptable if self.format is None else InvalidInput
            raise kind(fault.problem, fault.cure) from fault


class OverlayQuery(BaseModel):
    """What can be asked of a stream's overlay."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opacity: Optional[float] = Field(
        default=None,
        ge=0,
        le=1,
        description="cover of the mask's colours; the stream's own unless given",
    )


class SegmentQuery(MaskQuery):
    """What can be asked of POST /segment."""

    size: MaskSize = Field(
        default="frame", description="mask of the image's size, or of the model's own"
    )

    def wanted(self, format_name: str) -> SegmentOptions:
        """What the answer needs of the segmentation; an image only where it is drawn on one.

        At the image's own size the overlay is drawn on the image itself.

        Args:
            format_name: a key of FORMATS.
        """
        if self.size == "model" and FORMATS[format_name].draws:
            return SegmentOptions(self.size, image=True, overlay=self.opacity)
        return SegmentOptions(self.size)
