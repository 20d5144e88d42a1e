"""Simpler outlines, over OpenCV."""

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

Ring = npt.NDArray[np.int32]
"""A closed outline: (P, 2) corners (x, y), in pixels, the first one not repeated."""


def simplified(ring: Ring, tolerance: float) -> Ring:
    """Leaves corners out, by the method of Douglas and Peucker.

    Args:
        ring: The outline.
        tolerance: How far, in pixels, the new outline may run from the corners that are left out.

    Returns:
        Some of the corners in the same order; all of them where fewer than three would stay.
    """
    if tolerance <= 0:
        return ring
    fewer = cast(Ring, cv2.approxPolyDP(ring[:, np.newaxis], tolerance, True))[:, 0]
    return fewer if len(fewer) >= 3 else ring
