"""Large pictures in overlapping tiles, blended smoothly, with memory for a few of them."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from easyseg._types import FloatMap, Image, LabelMap, plain
from easyseg.engine.blending import Plan, Sums
from easyseg.engine.views import View
from easyseg.errors import EasysegWarning, InputError
from easyseg.transforms import Geometry, restore, winner_confidence

SMALLEST = 64
"""Side of the smallest tile that can be asked for."""

_NO_MEMORY = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory",
    "bad_alloc", "bad allocation",
    "could not create a primitive",  # of oneDNN, which PyTorch convolves with
    "status_alloc_failed",  # of cuBLAS and cuDNN
)  # fmt: skip
"""What is in the texts of errors that mean it."""

T = TypeVar("T")

Predict = Callable[[Image], tuple[torch.Tensor, Geometry]]
"""Takes a tile and gives its logits (1, C, h, w), with their geometry."""

Cut = Callable[[int, int, int, int], Image]
"""Takes the first row and column, the height and the width of a part of a picture; gives it."""


@dataclass(frozen=True, eq=False)
class Block:
    """The labels of a part of a picture.

    Attributes:
        top: Its first row in the picture.
        left: Its first column.
        labels: Class ids, (h, w).
        confidence: Probability of each pixel's class, float32 (h, w), 0 to 1; None where it was
            not asked for.
    """

    top: int
    left: int
    labels: LabelMap
    confidence: FloatMap | None = None

    @property
    def place(self) -> tuple[slice, slice]:
        """Where it is in an array of the picture's size."""
        height, width = self.labels.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def check_tile(tile: int) -> int:
    """Gives a side of tiles as an int; raises InputError for one that makes no sense."""
    tile = plain(tile)
    if isinstance(tile, bool) or not isinstance(tile, int) or tile < SMALLEST:
        raise InputError(
            f"tile must be the side of the tiles in pixels, a whole number from {SMALLEST}, not "
            f"{tile!r}"
        )
    return tile


def in_tiles_that_fit(work: Callable[[int], T], tile: int) -> T:
    """Does something with tiles of a size, and with smaller ones where memory runs out.

    Args:
        work: Takes the side of the tiles.
        tile: The first to try.

    Raises:
        MemoryError: If the smallest tiles are too large, as RuntimeError.
    """
    while True:
        try:
            return work(tile)
        except (MemoryError, RuntimeError) as error:
            if not is_lack_of_memory(error) or tile // 2 < SMALLEST:
                raise
        tile //= 2
        warnings.warn(
            f"memory ran out: going on with tiles of {tile} pixels", EasysegWarning, stacklevel=4
        )


def is_lack_of_memory(error: Exception) -> bool:
    """Tells whether memory ran out.

    PyTorch has an error of its own for GPUs, and a plain RuntimeError for the CPU.
    """
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return any(words in text for words in _NO_MEMORY)


def segment_tiles(
    image: Image, tile: int, predict: Predict, *, confidence: bool = False
) -> tuple[LabelMap, FloatMap | None]:
    """Labels a picture tile by tile; see `label_blocks`.

    Args:
        image: RGB uint8 (H, W, 3), larger than a tile.
        tile: Side of the tiles in pixels.
        predict: What the network says of a tile.
        confidence: Whether to compute the confidence of each pixel too.

    Returns:
        Class ids (H, W), and the confidence, float32 (H, W), 0 to 1, or None.
    """
    height, width = image.shape[:2]

    def cut(top: int, left: int, rows: int, columns: int) -> Image:
        return np.ascontiguousarray(image[top : top + rows, left : left + columns])

    labels = np.empty((height, width), np.uint8)
    map_: FloatMap | None = np.empty((height, width), np.float32) if confidence else None
    for block in label_blocks((height, width), cut, tile, predict, confidence=confidence):
        labels[block.place] = block.labels
        if map_ is not None and block.confidence is not None:
            map_[block.place] = block.confidence
    return labels, map_


def label_blocks(
    size: tuple[int, int], cut: Cut, tile: int, predict: Predict, *, confidence: bool = False
) -> Iterator[Block]:
    """Labels a picture that need not be in memory, tile by tile, each seen as one of its own.

    Neighbours overlap by a quarter of a tile or more. There the class probabilities are mixed with
    weights that rise smoothly from the rim of each tile; then the labels are made as those of any
    picture, by enlarging. Memory is needed for the probabilities, on the network's grid, of some
    tiles and of what one row of tiles has in common with the next.

    Args:
        size: Height and width of the picture.
        cut: Gives parts of it.
        tile: Side of the tiles in pixels.
        predict: What the network says of a tile.
        confidence: Whether to compute the confidence of each pixel too.

    Yields:
        Blocks as they become final, row after row and from left to right; all that begin in one
        row end in one row, and together they are the picture.
    """
    plan = Plan.of(*size, tile)
    for top, left, logits, geometry in _blended(size, cut, plan, predict):
        labels = restore(logits, geometry)
        certain = winner_confidence(logits, geometry, labels) if confidence else None
        yield Block(top, left, labels, certain)


def _blended(
    size: tuple[int, int], cut: Cut, plan: Plan, predict: Predict
) -> Iterator[tuple[int, int, torch.Tensor, Geometry]]:
    """Gives the logarithms of the blended probabilities, a block of the picture at a time.

    The grid's cells are squares of whole pixels, counted from the upper left corner, so that a
    block is a picture with a geometry of its own.
    """
    sums: Sums | None = None
    for top, next_top in zip(plan.tops, [*plan.tops[1:], size[0]], strict=True):
        for left, next_left in zip(plan.lefts, [*plan.lefts[1:], size[1]], strict=True):
            view = View(*predict(cut(top, left, plan.height, plan.width)), mirrored=False)
            if sums is None:
                sums = Sums(view, plan, size)
            if left == 0:
                sums.begin_row(top, next_top)
            sums.add(view, top, left)
            block = sums.take(next_left)
            if block is not None:
                yield block
