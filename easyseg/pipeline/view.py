"""What a live picture shows, and how the keys change it."""

from collections.abc import Callable

from easyseg._types import Image, plain
from easyseg.errors import InputError
from easyseg.result import Segmentation

Draw = Callable[[Segmentation], Image]
"""Makes the picture of a Segmentation, RGB uint8 (H, W, 3)."""

MODES = ("overlay", "colours", "photo")

_ALPHA_STEP = 0.1


class View:
    """Draws Segmentations; `press` changes how.

    Args:
        draw: What is drawn unless the user chooses otherwise; None is the overlay.
        alpha: Share of the colour in the overlay, 0 to 1.
        legend: Whether the overlay lists the classes.
        outline: Whether the overlay has a thin line around each area.

    Attributes:
        mode: What is drawn: one of `MODES`, or "own" for `draw`.
        alpha: See above.
        legend: See above.
        only: Id of the class that is drawn alone, or None for all.

    Raises:
        InputError: If `alpha` is out of range.
    """

    def __init__(
        self,
        draw: Draw | None = None,
        *,
        alpha: float = 0.6,
        legend: bool = True,
        outline: bool = True,
    ) -> None:
        alpha = plain(alpha)
        if not isinstance(alpha, (int, float)) or not 0 <= alpha <= 1:
            raise InputError(f"alpha must be from 0 (photo) to 1 (plain colour), not {alpha!r}")
        self._draw, self._outline = draw, outline
        self._modes = MODES if draw is None else ("own", *MODES)
        self.mode = self._modes[0]
        self.alpha, self.legend = float(alpha), legend
        self.only: int | None = None

    def __call__(self, result: Segmentation) -> Image:
        """Makes the picture: RGB uint8 (H, W, 3)."""
        only, mode = self.only, self.mode
        if mode == "own" and self._draw is not None:
            return self._draw(result if only is None else result.only(only))
        if mode == "overlay":
            return result.overlay(
                alpha=self.alpha, legend=self.legend, outline=self._outline, classes=only
            )
        if mode == "colours":
            return (result if only is None else result.only(only)).colorize()
        return result.image

    def press(self, key: str, last: Segmentation | None) -> str | None:
        """Obeys a key.

        Args:
            key: One of `easyseg.displays.display.KEYS`.
            last: What was shown last; its classes are those to choose from.

        Returns:
            What has changed, in a word or two; None when the key means nothing here.
        """
        if key == "o":
            self.mode = self._modes[(self._modes.index(self.mode) + 1) % len(self._modes)]
            return self.mode
        if key == "l":
            self.legend = not self.legend
            return f"legend {'on' if self.legend else 'off'}"
        if key in "+-":
            step = _ALPHA_STEP if key == "+" else -_ALPHA_STEP
            self.alpha = min(1.0, max(0.0, round(self.alpha + step, 2)))
            return f"colour {self.alpha:.0%}"
        if key in "[]" and last is not None:
            return self._isolate(1 if key == "]" else -1, last)
        return None

    def _isolate(self, step: int, last: Segmentation) -> str:
        """Goes to the next class of the picture, by id; after the last one come all."""
        background = last.label_set.background
        ids = {area.id for area in last.classes if area.id != background}
        if self.only is not None:
            ids.add(self.only)  # it stays in the row, also while it is out of the picture
        choices: list[int | None] = [None, *sorted(ids)]
        self.only = choices[(choices.index(self.only) + step) % len(choices)]
        return "all classes" if self.only is None else last.label_set.names[self.only]
