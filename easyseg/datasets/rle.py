"""The run-length masks of COCO's annotation files."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from easyseg._types import Mask
from easyseg.errors import InputError


def decode_rle(segmentation: Mapping[str, Any]) -> Mask:
    """Decodes a mask.

    Args:
        segmentation: `size` is (height, width); `counts` are the lengths of runs of 0 and 1 in
            turn, down the columns, as a list, or in COCO's compressed text.

    Returns:
        bool (height, width).

    Raises:
        InputError: If the runs do not fill the mask exactly.
    """
    try:
        height, width = (int(side) for side in segmentation["size"])
        counts = segmentation["counts"]
        runs = decompress(counts) if isinstance(counts, (str, bytes)) else list(map(int, counts))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"a run-length mask needs 'size': [height, width] and 'counts': {error!r}"
        ) from error
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise InputError(
            f"the runs of a run-length mask add up to {sum(runs)} pixels, and its size is "
            f"{height}x{width} = {height * width}"
        )
    values = np.arange(len(runs)) % 2 == 1
    flat: Mask = np.repeat(values, runs)
    return np.ascontiguousarray(flat.reshape(width, height).T)


def decompress(text: str | bytes) -> list[int]:
    """Reads COCO's compressed runs.

    Each number is written in groups of 5 bits, the lowest first, in characters from "0"; bit 5 says
    that the number goes on, and the last group carries the sign. From the fourth number on, it is
    the difference to the number two places before.

    Args:
        text: The text, ASCII.

    Returns:
        Lengths of the runs.

    Raises:
        InputError: If a character is none of COCO's, or the text stops within a number.
    """
    data = text.encode("ascii", "replace") if isinstance(text, str) else text
    runs: list[int] = []
    value = shift = 0
    for byte in data:
        group = byte - 48
        if not 0 <= group < 64:
            raise InputError(f"{chr(byte)!r} does not occur in COCO's run-length text")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise InputError("COCO's run-length text stops in the middle of a number")
    return runs


def encode_rle(
    mask: Mask, *, corner: tuple[int, int] = (0, 0), size: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Encodes a mask.

    Args:
        mask: bool (h, w): all of the mask, or a part with nothing outside.
        corner: Row and column, in the whole mask, of the part's first pixel.
        size: (height, width) of the whole mask; None is that of `mask`.

    Returns:
        `{"size": [height, width], "counts": text}` as pycocotools writes it: the runs of 0 and 1
        in turn, down the columns, in COCO's compressed text.

    Raises:
        InputError: If the part does not lie within the whole.
    """
    rows, columns = mask.shape
    height, width = mask.shape if size is None else size
    top, left = corner
    if top < 0 or left < 0 or top + rows > height or left + columns > width:
        raise InputError(
            f"a mask of {rows}x{columns} pixels at row {top} and column {left} does not fit into "
            f"{height}x{width}"
        )
    padded = np.zeros((columns, rows + 1), np.bool_)
    padded[:, :rows] = mask.T
    column, row = np.divmod(np.flatnonzero(np.diff(padded.ravel(), prepend=False)), rows + 1)
    places = (column + left) * height + row + top
    # Where a column ends inside and the next one begins inside, the run goes on.
    goes_on = places[1:-1:2] == places[2::2]
    kept = np.ones(len(places), np.bool_)
    kept[1:-1:2] = kept[2::2] = ~goes_on
    runs = np.diff(places[kept], prepend=0, append=height * width)
    # A run that reaches the last pixel leaves none behind it.
    runs = runs[:-1] if len(runs) > 1 and runs[-1] == 0 else runs
    return {"size": [height, width], "counts": compress(runs)}


def compress(runs: npt.ArrayLike) -> str:
    """Writes COCO's compressed runs; see `decompress`.

    Args:
        runs: Lengths of the runs.

    Returns:
        The text.
    """
    numbers = np.asarray(runs, np.int64).reshape(-1).copy()
    numbers[3:] -= numbers[1:-2].copy()
    # Group k of 5 bits is needed where the bits below it cannot hold the number and its sign.
    place = 5 * np.arange(13)
    groups = numbers[:, np.newaxis] >> place
    below = numbers[:, np.newaxis] >> np.maximum(place - 1, 0)
    needed = (below != 0) & (below != -1)
    needed[:, 0] = True
    goes_on = np.zeros_like(needed)
    goes_on[:, :-1] = needed[:, 1:]
    codes = (groups & 31) + 32 * goes_on + 48
    text: bytes = codes[needed].astype(np.uint8).tobytes()
    return text.decode("ascii")
