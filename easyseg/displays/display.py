"""Shows a live picture: in a window, on a page in the browser, or in a notebook."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from easyseg._types import Color, Image
from easyseg.displays.notebook import NotebookDisplay, in_notebook
from easyseg.displays.page import PageDisplay
from easyseg.displays.window import WindowDisplay, window_problem
from easyseg.drawing import draw
from easyseg.errors import InputError, MediaError

logger = logging.getLogger(__name__)

DISPLAYS = ("auto", "window", "browser", "none")
"""What can be asked for."""

KEYS = {
    "q": "quit",
    " ": "pause",
    "o": "overlay, colours, photo",
    "l": "legend",
    "+": "more colour",
    "-": "less colour",
    "[": "the class before",
    "]": "the next class",
    "s": "snapshot",
    "r": "record",
}
"""The keys that a live picture obeys, and what they do."""

_PANEL: Color = (17, 19, 24)
_TEXT: Color = (255, 255, 255)
_OPACITY = 0.74
_GAP = "    "


class Display(Protocol):
    """A place where a live picture is seen.

    Attributes:
        closed: Whether the user has closed it.
    """

    @property
    def closed(self) -> bool:
        """Whether the user has closed it."""

    def show(self, image: Image) -> None:
        """Shows a picture, RGB uint8 (H, W, 3), in the place of the one before."""

    def pressed(self) -> list[str]:
        """Gives the keys pressed since the last call, see `KEYS`, and keeps the display alive."""

    def close(self) -> None:
        """Takes it away; further calls do nothing."""


class NoDisplay:
    """Shows nothing."""

    closed = False

    def show(self, image: Image) -> None:
        """Does nothing."""

    def pressed(self) -> list[str]:
        """Gives none."""
        return []

    def close(self) -> None:
        """Does nothing."""


def open_display(
    kind: str, title: str, *, announce: Callable[[str], None] | None = None
) -> Display:
    """Opens a display.

    Args:
        kind: `"window"`; `"browser"`, a page on 127.0.0.1; `"none"`; or `"auto"`: the cell in a
            notebook, else a window, else, where there is no screen, a page.
        title: What stands above it.
        announce: Is told the address of the page; None logs it as a warning, so that it is seen.

    Returns:
        The display; the caller closes it. A window must be used by the main thread only.

    Raises:
        InputError: If there is no such kind.
        MediaError: If a window is asked for by its name and there can be none.
    """
    if kind not in DISPLAYS:
        raise InputError(f"display must be one of {', '.join(DISPLAYS)}, not {kind!r}")
    if kind == "none":
        return NoDisplay()
    if kind == "auto" and in_notebook():
        return NotebookDisplay()
    if kind != "browser":
        problem = window_problem()
        if problem is None:
            return WindowDisplay(title)
        if kind == "window":
            raise MediaError(f'there can be no window: {problem}. display="browser" shows a page')
        logger.info("no window, a page instead: %s", problem)
    page = PageDisplay(title, KEYS)
    (announce or _log)(page.address)
    return page


def with_status(image: Image, facts: Sequence[str]) -> Image:
    """Writes a line of facts into the top left corner.

    Args:
        image: RGB uint8 (H, W, 3).
        facts: What to say; the last ones are left out where there is no room.

    Returns:
        A new RGB uint8 (H, W, 3) image.
    """
    height, width = image.shape[:2]
    size = max(10, round(8 + 0.0117 * min((height * width) ** 0.5, 2 * min(height, width))))
    padding = round(0.5 * size)
    shown = list(facts)
    while shown and draw.text_width(_GAP.join(shown), size) + 4 * padding > width:
        shown.pop()
    canvas = image.copy(order="C")
    box = (2 * size, draw.text_width(_GAP.join(shown), size) + 2 * padding)
    if not shown or box[0] + 2 * padding > height:
        return canvas
    panel = draw.SpriteBuilder(*box)
    panel.add_rectangle(0, 0, box, _PANEL, radius=padding, opacity=_OPACITY)
    baseline = (box[0] + draw.capital_height(size)) // 2
    panel.add_text(baseline, padding, _GAP.join(shown), size, _TEXT)
    panel.build().draw_onto_(canvas, padding, padding)
    return canvas


def _log(address: str) -> None:
    logger.warning("the live picture is at %s", address)
