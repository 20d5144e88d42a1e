"""Connected areas of label maps."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from easyseg._types import LabelMap, Mask

Integers = npt.NDArray[np.int64]


class Region(NamedTuple):
    """One connected area of a class: pixels that touch by a side, not only by a corner.

    Attributes:
        class_id: Its class.
        left: First column of its bounding box.
        top: First row of its bounding box.
        mask: bool (height, width) of the bounding box: its own pixels.
        pixels: How many they are.
    """

    class_id: int
    left: int
    top: int
    mask: Mask
    pixels: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width and height in pixels."""
        height, width = self.mask.shape
        return self.left, self.top, width, height


def regions(labels: LabelMap, ids: Iterable[int], *, min_area: int = 1) -> Iterator[Region]:
    """Finds the connected areas of some classes, one after another.

    All classes are treated at once, by the runs of equal labels in the rows: there are far fewer
    of them than pixels.

    Args:
        labels: (H, W) uint8 class ids.
        ids: The classes, in the order in which their areas come.
        min_area: Areas with fewer pixels are left out.

    Yields:
        The areas; those of a class by their first pixel, row by row.
    """
    width = labels.shape[1]
    flat = labels.reshape(-1)
    starts = _run_starts(flat, width)
    lengths = np.diff(starts, append=flat.size)
    area_of_run = _joined(starts, flat[starts], labels.shape)
    pixels = np.bincount(area_of_run, weights=lengths, minlength=len(starts)).astype(np.int64)
    by_area = np.argsort(area_of_run, kind="stable")
    ends = np.cumsum(np.bincount(area_of_run, minlength=len(starts)))
    # An area has the number of its first run.
    areas = np.flatnonzero(pixels >= max(1, min_area))
    classes = flat[starts[areas]]
    for class_id in dict.fromkeys(ids):
        for area in areas[classes == class_id].tolist():
            first = ends[area - 1] if area else 0
            runs = by_area[first : ends[area]]
            yield _region(class_id, starts[runs], lengths[runs], width, int(pixels[area]))


def _run_starts(flat: npt.NDArray[np.uint8], width: int) -> Integers:
    begins = np.empty(flat.size, np.bool_)
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins[::width] = True
    return np.flatnonzero(begins).astype(np.int64, copy=False)


def _joined(starts: Integers, values: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> Integers:
    """Gives each run the number of the first run that it hangs together with."""
    # Wherever a run begins, in this row or in the one above, two of them lie on each other.
    height, width = shape
    places = np.union1d(starts, starts + width)
    places = places[(places >= width) & (places < height * width)]
    above = np.searchsorted(starts, places - width, side="right") - 1
    below = np.searchsorted(starts, places, side="right") - 1
    equal = values[above] == values[below]
    above, below = above[equal], below[equal]
    first = np.arange(len(starts))
    while True:
        one, other = first[above], first[below]
        apart = one != other
        if not apart.any():
            return first
        above, below, one, other = above[apart], below[apart], one[apart], other[apart]
        np.minimum.at(first, np.maximum(one, other), np.minimum(one, other))
        # Every chain is shortened to its end, so that the next round joins ends only.
        while not np.array_equal(shorter := first[first], first):
            first = shorter


def _region(class_id: int, starts: Integers, lengths: Integers, width: int, pixels: int) -> Region:
    rows, columns = np.divmod(starts, width)
    top, left = int(rows[0]), int(columns.min())
    height, across = int(rows[-1]) - top + 1, int((columns + lengths).max()) - left
    # Gaps and runs in turn, in the flat box.
    begins = (rows - top) * across + columns - left
    spans = np.zeros(2 * len(starts) + 1, np.int64)
    spans[1::2] = lengths
    spans[0:-1:2] = np.diff(begins, prepend=0)
    spans[2:-1:2] -= lengths[:-1]
    spans[-1] = height * across - begins[-1] - lengths[-1]
    inside = np.arange(len(spans)) % 2 == 1
    mask: Mask = np.repeat(inside, spans).reshape(height, across)
    return Region(class_id, left, top, mask, pixels)
