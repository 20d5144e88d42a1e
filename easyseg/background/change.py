"""What is to be done to a background, as the user says it; and the drawing that comes of it."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from typing_extensions import Unpack

from easyseg._types import ClassSelection, Color, Image, PathLike, plain
from easyseg.background.moving import Clock, LoopedVideo
from easyseg.engine import Segmenter, cached_segmenter
from easyseg.errors import InputError
from easyseg.labels import ADE20K, PASCAL_VOC, LabelSet
from easyseg.options import DatasetName, Fit, RunningOptions, Strength
from easyseg.pictures.image import ImageSource, read
from easyseg.registry import TIERS
from easyseg.render import cutting
from easyseg.render.check import foreground_ids
from easyseg.render.effects import (
    Backdrop,
    Blur,
    Effect,
    Fill,
    Gray,
    Moving,
    Pixelate,
    check_fit,
)
from easyseg.result import Segmentation

Draw = Callable[[Segmentation], Image]

EFFECTS = ("blur", "color", "gray", "pixelate", "image", "video", "transparent")
"""The fields of `Change` of which exactly one is given."""


@dataclass(frozen=True, eq=False)
class Change:
    """What is done to which part of a picture.

    Attributes:
        blur: Strength, 0 to 1 relative to the picture's size, or "low", "moderate", "extreme".
        color: A colour to put there: red, green, blue, each 0 to 255.
        gray: Whether to take the colours out.
        pixelate: Strength of a mosaic, as for `blur`.
        image: A picture to put there, as `easyseg.pictures.image.read` takes it.
        video: A video file to put there; it is repeated for as long as is needed.
        transparent: Whether to make it transparent.
        fit: How `image` or `video` is brought to size: `"fill"`, `"fit"` or `"stretch"`, see
            `easyseg.render.effects.Backdrop`.
        classes: What is in front, by id or name; None is everything but the background.
        invert: Whether it is done to what is in front, rather than to the rest.
        hard: Whether edges are as the labels are, rather than soft.

    Raises:
        InputError: If not exactly one thing is to be done, or a value makes no sense.
    """

    blur: Strength | None = None
    color: Color | None = None
    gray: bool = False
    pixelate: Strength | None = None
    image: ImageSource | None = None
    video: PathLike | None = None
    transparent: bool = False
    fit: Fit = "fill"
    classes: ClassSelection | None = None
    invert: bool = False
    hard: bool = False

    def __post_init__(self) -> None:
        given = [name for name in EFFECTS if not _is_default(getattr(self, name))]
        if len(given) != 1:
            said = f"got {' and '.join(given)}" if given else "got none"
            raise InputError(
                f"say one thing to do with the background, of {', '.join(EFFECTS)}: {said}"
            )
        check_fit(self.fit)
        self._plain_effect()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Change":
        """Takes what is to be done out of the options of a function or a command."""
        return cls(**{one.name: options[one.name] for one in fields(cls) if one.name in options})

    @contextlib.contextmanager
    def drawing(self, label_set: LabelSet, clock: Clock) -> Iterator[Draw]:
        """Opens what is needed, and closes it in the end.

        Args:
            label_set: Where the classes are looked up.
            clock: For a video: when each picture is for that is drawn.

        Yields:
            What makes the picture of a Segmentation: RGB uint8 (H, W, 3), or RGBA (H, W, 4).

        Raises:
            InputError: If there is no such class.
            MediaError: If the picture or the video cannot be read.
            DownloadError: If a URL cannot be fetched.
        """
        ids = foreground_ids(label_set, self.classes)
        with contextlib.ExitStack() as stack:
            effect = self._plain_effect()
            if self.image is not None:
                effect = Backdrop(read(self.image), self.fit)
            elif self.video is not None:
                effect = Moving(stack.enter_context(LoopedVideo(self.video, clock)), self.fit)
            yield functools.partial(self._draw, effect=effect, ids=ids)

    def _plain_effect(self) -> Effect | None:
        """The effect, where nothing has to be opened for it."""
        if self.blur is not None:
            return Blur(self.blur)
        if self.pixelate is not None:
            return Pixelate(self.pixelate)
        if self.color is not None:
            return Fill(self.color)
        return Gray() if self.gray else None

    def _draw(self, result: Segmentation, *, effect: Effect | None, ids: tuple[int, ...]) -> Image:
        if effect is not None:
            return result.change_background(effect, ids, invert=self.invert, hard=self.hard)
        alpha = result.matte(ids, hard=self.hard)
        return cutting.cut_out(result.image, alpha, invert=self.invert)


def find_segmenter(
    model: PathLike,
    dataset: DatasetName | None,
    classes: ClassSelection | None,
    **options: Unpack[RunningOptions],
) -> Segmenter:
    """Loads the network that knows the classes.

    Args:
        model: As for `Segmenter`.
        dataset: As for `Segmenter`; None is PASCAL VOC for a tier, or ADE20K when VOC does not have
            the classes.
        classes: Those wanted, or None.
        **options: As for `Segmenter`.

    Returns:
        The network, from the cache.

    Raises:
        InputError: If there is no such model or data set.
        ModelError: If it cannot be loaded.
        DownloadError: If it cannot be fetched.
    """
    return cached_segmenter(model, dataset=choose_dataset(model, dataset, classes), **options)


def choose_dataset(
    model: PathLike, dataset: DatasetName | None, classes: ClassSelection | None
) -> DatasetName | None:
    """Chooses the data set where the user leaves it open; see `find_segmenter`."""
    if dataset is not None or str(model) not in TIERS:
        return dataset
    classes = plain(classes)
    wanted = [classes] if isinstance(classes, (str, int)) else list(classes or ())
    known = [all(one in label_set for one in wanted) for label_set in (PASCAL_VOC, ADE20K)]
    return "ade20k" if known == [False, True] else "voc"


def _is_default(value: object) -> bool:
    return value is None or value is False
