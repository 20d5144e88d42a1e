"""Turns the pixels people have (grey, alpha, 16-bit, float, BGR) into RGB uint8."""

from typing import Literal

import cv2
import numpy as np

from easyseg._types import AnyArray, Image
from easyseg.errors import InputError

_FLOAT_SLACK = 1e-3
"""How far a float may step out of 0..1: resizing and half precision round over the ends."""


def to_rgb(array: AnyArray, color: Literal["rgb", "bgr"] = "rgb") -> Image:
    """Makes a new RGB picture of an array of pixels.

    Args:
        array: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), the fourth channel being alpha. bool is
            black and white, uint8 is taken as it is, uint16 is divided by 257 and rounded, and
            float is 0..1. The rule follows from the dtype alone, never from the values.
        color: Order of the first three channels of the array.

    Returns:
        RGB uint8 (H, W, 3), C-contiguous, sharing no memory with the array. Alpha is laid over
        white.

    Raises:
        InputError: The shape, the dtype or the range of a float array is another.
    """
    _check_shape(array)
    pixels = np.ascontiguousarray(_to_uint8(array))
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    if pixels.shape[2] == 4:
        pixels = over_white(pixels)
    if color == "bgr":
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    return pixels.copy() if np.may_share_memory(pixels, array) else pixels


def over_white(image: AnyArray) -> Image:
    """Lays a picture with alpha over white.

    Args:
        image: uint8 (H, W, 4), three colours and straight (not premultiplied) alpha, 255 opaque.

    Returns:
        uint8 (H, W, 3), a new array with the colours in the order they had.
    """
    alpha = cv2.cvtColor(image[..., 3], cv2.COLOR_GRAY2BGR)
    absorbed = cv2.bitwise_not(cv2.cvtColor(image, cv2.COLOR_RGBA2RGB))
    # white - alpha * (white - colour); 255 is odd, so that no product lies half-way between two.
    blended = cv2.bitwise_not(cv2.multiply(absorbed, alpha, scale=1 / 255))
    return np.asarray(blended, dtype=np.uint8)


def _check_shape(array: AnyArray) -> None:
    shape = array.shape
    if 0 in shape:
        raise InputError(
            f"expected a picture of at least 1x1 pixels, got an array of shape {shape}"
        )
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4)):
        return
    advice = ""
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        advice = "; its channels come first: pass array.transpose(1, 2, 0)"
    elif len(shape) == 4:
        advice = "; it looks like a batch: pass one picture at a time, or a list of them"
    raise InputError(
        "expected an array of shape (height, width) or (height, width, channels) with 1, 3 or 4 "
        f"channels, got shape {shape}{advice}"
    )


def _to_uint8(array: AnyArray) -> AnyArray:
    kind, width = array.dtype.kind, array.dtype.itemsize
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if kind == "u" and width == 1:
        return array
    if kind == "u" and width == 2:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if kind == "f":
        return _float_to_uint8(array)
    raise InputError(
        f"expected an array of bool, uint8, uint16 or float, got {array.dtype}, which has no fixed "
        "range; when its values are 0..255, pass array.astype('uint8')"
    )


def _float_to_uint8(array: AnyArray) -> AnyArray:
    low, high = float(array.min()), float(array.max())
    # Written so that NaN, which compares false with everything, fails as well.
    if not (low >= -_FLOAT_SLACK and high <= 1 + _FLOAT_SLACK):
        raise InputError(
            f"expected float values from 0 to 1, got values from {low:g} to {high:g}; divide "
            "0..255 by 255 or convert to uint8, undo a normalisation, and replace NaN and infinity"
        )
    scaled: AnyArray = np.rint(array.astype(np.float32) * np.float32(255))
    return scaled.clip(0, 255).astype(np.uint8)
