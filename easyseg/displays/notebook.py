"""A live picture in a cell of a notebook."""

import importlib
import sys
from typing import Any

from easyseg._types import Image
from easyseg.pictures.image import encode, resize

WIDEST = 1000
"""Pixels; wider pictures are made smaller for a notebook."""

_QUALITY = 80


def in_notebook() -> bool:
    """Tells whether this runs in Jupyter's kernel; IPython in a terminal shows no pictures."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class NotebookDisplay:
    """A picture below the cell; there are no keys, the notebook's stop button ends it."""

    closed = False

    def __init__(self) -> None:
        self._display = importlib.import_module("IPython.display")
        self._handle: Any = None

    def show(self, image: Image) -> None:
        """Shows a picture, RGB uint8 (H, W, 3)."""
        height, width = image.shape[:2]
        if width > WIDEST:
            image = resize(image, (max(1, round(height * WIDEST / width)), WIDEST), "area")
        picture = self._display.Image(data=encode(image, ".jpg", quality=_QUALITY), format="jpeg")
        if self._handle is None:
            self._handle = self._display.display(picture, display_id=True)
        else:
            self._handle.update(picture)

    def pressed(self) -> list[str]:
        """Gives none."""
        return []

    def close(self) -> None:
        """Leaves the last picture where it is."""
