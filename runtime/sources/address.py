"""What a stream's address says: which kind of source, where it is, and what is asked of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Optional
from urllib.parse import parse_qsl

from typing_extensions import Literal

from runtime.errors import InvalidInput
from runtime.names import encodable

Kind = Literal["path", "usb", "network", "csi", "synthetic"]

ACCEPTED = (
    "Use a video file, a folder of images, /dev/videoN or usb:/dev/v4l/by-id/NAME, rtsp://..., "
    "http://..., csi:N or synthetic:WIDTHxHEIGHT@FPS"
)
LARGEST_SIDE = 7680
FASTEST = 1000.0

_NETWORK = re.compile(r"(rtsps?|https?)://[^/\s]+\S*", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_SYNTHETIC = re.compile(r"(\d+)x(\d+)@(\d+(?:\.\d+)?)")
# Up to the last @, wherever it stands: passwords with an unescaped / or @ are common, and showing
# too little of an address does less harm than showing half a password.
_LOGIN = re.compile(r"([a-z][a-z0-9+.-]*://)\S*@", re.IGNORECASE)
_SECRET = re.compile(
    r"((?:user(?:name)?|login|pass(?:w(?:or)?d)?|pwd|token|key|secret|auth)=)[^&/_?#\s]*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Address:
    """A source's address, taken apart.

    Attributes:
        kind: what opens it.
        target: the path, the whole URL, the number of a CSI sensor, or "" for a synthetic source.
        width: columns asked of the camera, pixels; None leaves the choice to it.
        height: rows asked of the camera, pixels.
        frame_rate: frames per second asked of the camera.
    """

    kind: Kind
    target: str
    width: Optional[int] = None
    height: Optional[int] = None
    frame_rate: Optional[float] = None

    @property
    def live(self) -> bool:
        """Whether time goes on without us: newest frame wins. Files wait, and lose none."""
        return self.kind != "path"


def address_from_uri(uri: str) -> Address:
    """Takes an address apart; whether anything answers there is found out by opening it.

    Cameras take `?width=1280&height=720&fps=30` after their path.

    Raises:
        InvalidInput: it has none of the accepted forms, or is one of a camera and not UTF-8.
    """
    address = _taken_apart(uri)
    if address.live and uri != encodable(uri):
        raise InvalidInput(
            f"the address {without_credentials(uri)} is not UTF-8",
            "Name a camera by characters; a link to its device may have any name",
        )
    return address


def _taken_apart(uri: str) -> Address:
    scheme, _, rest = uri.partition(":")
    if scheme == "synthetic":
        return _synthetic(uri, rest)
    if scheme == "csi":
        return _camera("csi", uri, rest)
    if scheme == "usb" or uri.startswith("/dev/"):
        return _camera("usb", uri, rest if scheme == "usb" else uri)
    if _NETWORK.fullmatch(uri):
        return Address("network", uri)
    if not uri or _OTHER_SCHEME.match(uri):
        raise InvalidInput(f"the source {without_credentials(uri)!r} is of no known kind", ACCEPTED)
    return Address("path", uri)


def without_credentials(text: str) -> str:
    """`text`, an address or a message that quotes one, with no user name, password or token."""
    return _SECRET.sub(r"\1***", _LOGIN.sub(r"\1", text))


def _synthetic(uri: str, description: str) -> Address:
    match = _SYNTHETIC.fullmatch(description)
    if match is None:
        raise InvalidInput(
            f"the synthetic source {uri!r} does not say its size and rate",
            "Write it as synthetic:640x360@15",
        )
    asked = {"width": match[1], "height": match[2], "fps": match[3]}
    return _bounded(uri, "synthetic", "", asked)


def _camera(kind: Kind, uri: str, rest: str) -> Address:
    target, _, query = rest.partition("?")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(asked) - {"width", "height", "fps"})
    if unknown:
        raise InvalidInput(
            f"the camera {uri!r} is asked for {unknown[0]!r}", "Ask for width, height and fps only"
        )
    if kind == "csi" and not (target or "0").isdigit():
        raise InvalidInput(f"{target!r} is no CSI sensor", "Give its number, as in csi:0")
    if kind == "usb" and not target.startswith("/dev/"):
        raise InvalidInput(
            f"{target!r} is no camera device", "Give its path, as in usb:/dev/v4l/by-id/NAME"
        )
    return _bounded(uri, kind, target or "0", asked)


def _bounded(uri: str, kind: Kind, target: str, asked: Dict[str, str]) -> Address:
    try:
        width, height = (
            int(asked[side]) if side in asked else None for side in ("width", "height")
        )
        rate = float(asked["fps"]) if "fps" in asked else None
    except ValueError as error:
        raise InvalidInput(f"{uri!r} asks for no number: {error}", "Use plain numbers") from error
    sides_fit = all(1 <= side <= LARGEST_SIDE for side in (width, height) if side is not None)
    if not sides_fit or not 0 < (1.0 if rate is None else rate) <= FASTEST:
        raise InvalidInput(
            f"{uri!r} asks for a size or rate out of bounds",
            f"Use 1 to {LARGEST_SIDE} pixels a side and up to {FASTEST:g} frames a second",
        )
    return Address(kind, target, width, height, rate)
