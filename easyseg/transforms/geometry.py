"""Where a picture went on its way into a network, and where its pixels lie in the logits."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from easyseg.errors import InputError


@dataclass(frozen=True, eq=False)
class Axis:
    """Bilinear sampling along one axis: value i is `(1 - weight) * low + weight * high`.

    Attributes:
        low: Index of the first logit of every output pixel, int64, shape (size,), ascending.
        high: Index of the second one, int64, shape (size,): `low` or `low + 1`.
        weight: Share of the second one, float32, shape (size,), 0..1.
    """

    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Geometry:
    """The way of a photograph into a network: resized, then laid on a canvas with padding.

    All pairs are (height, width) or (top, left), in pixels.

    Attributes:
        original: Size of the photograph.
        resized: Size it was resized to.
        padded: Size of the canvas, which is what the network sees.
        offset: Where on the canvas the resized picture begins.
        align_corners: How the logits span the canvas: their outermost values lie on the centres of
            its corner pixels (True), or its borders and theirs coincide (False).

    Raises:
        InputError: A pair is not two whole numbers, a size is below 1, or the resized picture does
            not lie inside the canvas.
    """

    original: tuple[int, int]
    resized: tuple[int, int]
    padded: tuple[int, int]
    offset: tuple[int, int] = (0, 0)
    align_corners: bool = False

    def __post_init__(self) -> None:
        for name, least in (("original", 1), ("resized", 1), ("padded", 1), ("offset", 0)):
            _check_pair(name, getattr(self, name), least)
        for start, size, room in zip(self.offset, self.resized, self.padded, strict=True):
            if start + size > room:
                raise InputError(
                    f"resized {self.resized} at offset {self.offset} does not fit into padded "
                    f"{self.padded}: padded must be at least offset + resized on both axes"
                )

    def axes(self, grid: tuple[int, int]) -> tuple[Axis, Axis]:
        """Map the photograph's rows and columns onto a grid of logits.

        A pixel goes from the photograph to the resized picture, on to the canvas, on to the grid:
        three affine maps that make one. Without padding the result is, to the bit, what
        `torch.nn.functional.interpolate` computes on a processor with fused multiply-add.

        Args:
            grid: (height, width) of the logits, which span the whole canvas.

        Returns:
            The vertical axis with an entry for every row, the horizontal one for every column.
        """
        return self._axis(0, grid[0]), self._axis(1, grid[1])

    def _axis(self, side: int, cells: int) -> Axis:
        original, resized = self.original[side], self.resized[side]
        padded, offset = self.padded[side], self.offset[side]
        pixel = np.arange(original)
        if self.align_corners:
            scale, shift = _corner_map(original, resized, padded, offset, cells)
            position = pixel * float(np.float32(scale)) + shift
        else:
            scale = resized * cells / (original * padded)
            shift = offset * cells / padded - 0.5
            position = (pixel + 0.5) * float(np.float32(scale)) + shift
        return _sample(position.astype(np.float32), cells)


def _corner_map(
    original: int, resized: int, padded: int, offset: int, cells: int
) -> tuple[float, float]:
    """Give (scale, shift) of `grid = scale * pixel + shift` when corners lie on corners."""
    if original == 1:
        scale = 0.0
    elif resized == padded:
        scale = (cells - 1) / (original - 1)
    else:
        scale = (resized - 1) * (cells - 1) / ((original - 1) * (padded - 1))
    return scale, offset * (cells - 1) / max(padded - 1, 1)


def _sample(position: npt.NDArray[np.float32], cells: int) -> Axis:
    """Turn positions in the grid into indices and weights; the outermost logits extend outwards."""
    inside = np.maximum(position, np.float32(0))
    low = np.minimum(inside.astype(np.int64), cells - 1)
    weight = np.clip(inside - low.astype(np.float32), 0, 1)
    # Before the first logit, and where every pixel lies on one, there is no second.
    lone = (position < 0) | (not weight.any())
    high = np.where(lone, low, np.minimum(low + 1, cells - 1))
    return Axis(low, high, weight)


def _check_pair(name: str, pair: tuple[int, int], least: int) -> None:
    whole = isinstance(pair, tuple) and all(type(value) is int for value in pair)
    if not whole or len(pair) != 2 or min(pair) < least:
        raise InputError(f"{name} must be two whole numbers of at least {least}, got {pair!r}")
