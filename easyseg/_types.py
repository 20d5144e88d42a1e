"""Names for the few kinds of value that pass between rooms, and Python's numbers for others'."""

import os
from collections.abc import Iterable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]
"""RGB picture, uint8, shape (H, W, 3)."""

LabelMap: TypeAlias = npt.NDArray[np.uint8]
"""Class id of every pixel, uint8, shape (H, W); 255 is void."""

Mask: TypeAlias = npt.NDArray[np.bool_]
"""True where a pixel is selected, shape (H, W)."""

Alpha: TypeAlias = npt.NDArray[np.uint8]
"""How much of every pixel is in front, uint8, shape (H, W): 0 nothing, 255 all of it."""

FloatMap: TypeAlias = npt.NDArray[np.float32]
"""A number for every pixel, float32, shape (H, W)."""

AnyArray: TypeAlias = npt.NDArray[Any]
Color: TypeAlias = tuple[int, int, int]
"""Red, green, blue, each 0 to 255."""

PathLike: TypeAlias = str | os.PathLike[str]

ClassLike: TypeAlias = int | str
"""A class, by id or by name."""

ClassSelection: TypeAlias = ClassLike | Iterable[ClassLike]
"""One class or several, by id or by name."""

T = TypeVar("T")


def plain(value: T) -> T:
    """Turns a number of NumPy or torch, or an array or tensor of no dimension, into Python's own.

    Args:
        value: Anything.

    Returns:
        An int, float or bool of the same value, at home in `isinstance`, JSON and messages; what is
        no such number as it is.
    """
    item = getattr(value, "item", None)
    if item is None or getattr(value, "ndim", None) != 0:
        return value
    number: T = item()
    return number


def make_plain_(settings: Any, *names: str) -> None:
    """Does so to some attributes of an instance, which may be of a frozen dataclass."""
    for name in names:
        object.__setattr__(settings, name, plain(getattr(settings, name)))
