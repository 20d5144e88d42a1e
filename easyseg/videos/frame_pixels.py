"""Turns decoded frames of videos into pictures: the right colours, the right way up."""

import struct
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from easyseg._types import Image
from easyseg.pictures import _decode
from easyseg.videos.tone_mapping import HDR, tone_mapped

HD_HEIGHT = 720
_UNTAGGED = {0, 2}
"""AVColorSpace's values for RGB and for "unspecified"."""

_ORIENTATIONS = {
    (1, 0, 0, 1): 1, (-1, 0, 0, 1): 2, (-1, 0, 0, -1): 3, (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5, (0, 1, -1, 0): 6, (0, -1, -1, 0): 7, (0, -1, 1, 0): 8,
}  # fmt: skip
"""EXIF's orientations, by the signs of a display matrix: x' = a x + c y, y' = b x + d y."""


def default_colorspace(height: int) -> Colorspace:
    """Tells by which norm players take the colours of a video that does not say: by its height.

    Args:
        height: Of a frame, in pixels.

    Returns:
        BT.709 for high definition, BT.601 below.
    """
    return Colorspace.ITU709 if height >= HD_HEIGHT else Colorspace.SMPTE170M


def orientation_of(picture: VideoFrame) -> int:
    """Reads how a frame is to be turned and mirrored: EXIF's number, 1 (upright) to 8."""
    side_data = cast(Mapping[Any, Any], picture.side_data).get(SideData.DISPLAYMATRIX)
    if side_data is None:
        return 1
    a, b, _, c, d = struct.unpack_from("=5i", bytes(side_data))
    # Angles between are set to the nearest quarter turn.
    if abs(a) + abs(d) >= abs(b) + abs(c):
        signs = (_sign(a), 0, 0, _sign(d))
    else:
        signs = (0, _sign(b), _sign(c), 0)
    return _ORIENTATIONS[signs]


def is_on_its_side(orientation: int) -> bool:
    """Tells whether width and height change places when a picture is set upright."""
    return orientation >= 5


def upright(picture: VideoFrame, orientation: int) -> Image:
    """Makes a picture of a decoded frame.

    Args:
        picture: As the decoder gave it; high dynamic range is brought to the usual one.
        orientation: EXIF's, of the stored picture.

    Returns:
        RGB uint8 (H, W, 3), contiguous.
    """
    if picture.color_trc in HDR:
        image = tone_mapped(picture)
    else:
        if picture.colorspace in _UNTAGGED and not picture.format.is_rgb:
            picture = picture.reformat(
                format="rgb24", src_colorspace=default_colorspace(picture.height)
            )
        image = cast(Image, picture.to_ndarray(format="rgb24"))
    return np.ascontiguousarray(_decode.upright(image, orientation)) if orientation > 1 else image


def _sign(number: int) -> int:
    return -1 if number < 0 else 1
