"""Decodes the run-length masks of COCO's annotation files."""

from collections.abc import Mapping
from typing import Any

import numpy as np

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
