"""Draws curves: small charts of numbers over steps, for the record of a training."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from easyseg._types import Color, Image
from easyseg.errors import InputError

Points = Sequence[tuple[float, float]]
"""(x, y) pairs, x ascending."""

COLORS: tuple[Color, ...] = ((31, 119, 180), (214, 39, 40), (44, 160, 44), (148, 103, 189))
_INK: Color = (60, 60, 60)
_GRID: Color = (225, 225, 225)
_MARGIN = (58, 20, 40, 70)  # top, right, bottom, left
_LINES = 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_NAME_SCALE = 0.42
_SHIFT = 4  # OpenCV draws at sixteenths of a pixel.


def line_chart(
    curves: Mapping[str, Points], *, title: str, size: tuple[int, int] = (320, 480)
) -> Image:
    """Draws curves into one chart.

    Args:
        curves: Points of each curve, by its name; curves without points are left out.
        title: Stands above.
        size: (height, width) of the picture, in pixels, at least (120, 160).

    Returns:
        RGB uint8 (H, W, 3), dark on white.

    Raises:
        InputError: If the size is too small.
    """
    height, width = size
    if height < 120 or width < 160:
        raise InputError(f"a chart needs at least 120x160 pixels (height x width), not {size}")
    canvas = np.full((height, width, 3), 255, np.uint8)
    _text(canvas, title, (_MARGIN[3], 22), 0.5)
    shown = {name: _finite(points) for name, points in curves.items()}
    shown = {name: points for name, points in shown.items() if len(points)}
    if not shown:
        _text(canvas, "nothing yet", (width // 2 - 40, height // 2), 0.45)
        return canvas
    together = np.concatenate(list(shown.values()))
    low, high = together.min(axis=0), together.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    _axes(canvas, low, span)
    left = _MARGIN[3]
    for number, (name, points) in enumerate(shown.items()):
        color = COLORS[number % len(COLORS)]
        _curve(canvas, (points - low) / span, color)
        _text(canvas, name, (left, 42), _NAME_SCALE, color)
        left += cv2.getTextSize(name, _FONT, _NAME_SCALE, 1)[0][0] + 16
    return canvas


def side_by_side(images: Sequence[Image]) -> Image:
    """Puts pictures of one height next to each other."""
    return np.ascontiguousarray(np.concatenate(images, axis=1))


def _finite(points: Points) -> npt.NDArray[np.float64]:
    array = np.asarray(points, np.float64).reshape(-1, 2)
    kept: npt.NDArray[np.float64] = array[np.isfinite(array).all(axis=1)]
    return kept


def _place(shape: tuple[int, ...], share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From shares of the axes, 0 to 1, to pixels (x, y)."""
    top, right, bottom, left = _MARGIN
    x = left + share[..., 0] * (shape[1] - left - right)
    y = shape[0] - bottom - share[..., 1] * (shape[0] - top - bottom)
    placed: npt.NDArray[np.float64] = np.stack([x, y], axis=-1)
    return placed


def _axes(canvas: Image, low: npt.NDArray[np.float64], span: npt.NDArray[np.float64]) -> None:
    for line in range(_LINES + 1):
        share = line / _LINES
        (left, y), (right, _) = _place(canvas.shape, np.array([[0, share], [1, share]])).round()
        cv2.line(canvas, (int(left), int(y)), (int(right), int(y)), _GRID, 1)
        _text(canvas, f"{low[1] + share * span[1]:.3g}", (6, int(y) + 4), 0.38)
        (x, bottom) = _place(canvas.shape, np.array([share, 0.0])).round()
        _text(canvas, f"{low[0] + share * span[0]:.4g}", (int(x) - 12, int(bottom) + 18), 0.38)


def _curve(canvas: Image, shares: npt.NDArray[np.float64], color: Color) -> None:
    pixels = np.rint(_place(canvas.shape, shares) * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(canvas, [pixels.reshape(-1, 1, 2)], False, color, 1, cv2.LINE_AA, _SHIFT)
    if len(pixels) == 1:
        x, y = (int(value) for value in pixels[0])
        cv2.circle(canvas, (x, y), 2 << _SHIFT, color, -1, cv2.LINE_AA, _SHIFT)


def _text(
    canvas: Image, text: str, corner: tuple[int, int], scale: float, color: Color = _INK
) -> None:
    cv2.putText(canvas, text, corner, _FONT, scale, color, 1, cv2.LINE_AA)
