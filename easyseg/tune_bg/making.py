"""From PixelLib's arguments to a change, and from a change to PixelLib's pictures."""

import logging
import os
from pathlib import Path
from typing import TypedDict

import numpy as np

from easyseg._types import ClassSelection, Image, PathLike
from easyseg.background import Change, change_file_drawing, find_segmenter, frame_clock
from easyseg.background.change import Draw
from easyseg.engine import Segmenter
from easyseg.errors import InputError
from easyseg.options import FrameOptions, Strength, pick
from easyseg.pictures.image import ImageSource, read, write
from easyseg.pipeline import Job, Segmenting, process_file
from easyseg.result import Segmentation
from easyseg.semantic.models import load_model
from easyseg.videos.extensions import VIDEO_EXTENSIONS

# The name that users import, rather than this file's.
logger = logging.getLogger("easyseg.tune_bg")


class Making:
    """What all methods of `alter_bg` share."""

    def __init__(self) -> None:
        self._segmenter: Segmenter | None = None

    def load_pascalvoc_model(self, model_path: PathLike | None = None) -> None:
        """Chooses and loads the model; may be left out.

        Args:
            model_path: The path of a checkpoint, the name of a model, or a tier (`"fast"`,
                `"balanced"`, `"best"`); None is the default.

        Raises:
            InputError: If there is no such model, or it knows other classes.
            ModelError: If the file is missing, damaged or of no known kind.
        """
        self._segmenter = load_model("voc", model_path)

    def _find(self, detect: ClassSelection | None) -> Segmenter:
        return self._segmenter or find_segmenter("fast", None, detect)

    def _picture(
        self, source: ImageSource, change: Change, target: PathLike | None, verbose: object
    ) -> Image:
        """Changes one picture; gives BGR uint8 (H, W, 3)."""
        if isinstance(source, (list, tuple)):
            raise InputError("expected one picture")
        segmenter = self._find(change.classes)
        with change.drawing(segmenter.label_set, frame_clock(None)) as draw:
            result = segmenter(source, color="bgr")
            picture = draw(result)
        if target is not None:
            write(target, picture)
        logger.log(
            logging.INFO if verbose else logging.DEBUG,
            "changed the background of %s, written to %s", result, target,
        )  # fmt: skip
        return as_bgr(picture)

    def _video(
        self,
        source: PathLike,
        change: Change,
        rate: float | None,
        target: PathLike | None,
        options: FrameOptions,
    ) -> Image:
        """Changes a video file; gives the last picture, BGR uint8 (H, W, 3)."""
        segmenter = self._find(change.classes)
        job = Job(segmenting=Segmenting(**pick(FrameOptions, options)), frames_per_second=rate)
        with change_file_drawing(source, target, segmenter, change, job) as draw:
            last = Last(draw)
            summary = process_file(source, target, segmenter, last, job)
            return as_bgr(last(summary.last) if last.picture is None else last.picture)


class Last:
    """Draws, and remembers the last picture."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self.picture: Image | None = None

    def __call__(self, result: Segmentation) -> Image:
        """Makes the picture of a Segmentation."""
        self.picture = self._draw(result)
        return self.picture


def strength(*, low: bool, moderate: bool, extreme: bool) -> Strength:
    """Gives the strength of a blur; of several the strongest, of none the moderate one."""
    if extreme:
        return "extreme"
    return "low" if low and not moderate else "moderate"


class Backdrop(TypedDict, total=False):
    """A new background as arguments of a `Change`."""

    image: Image
    video: PathLike


def backdrop(source: ImageSource) -> Backdrop:
    """Reads a picture, an array in BGR; leaves a video for later."""
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        if Path(path).suffix.lower() in VIDEO_EXTENSIONS:
            return {"video": path}
    return {"image": read(source, color="bgr")}


def as_bgr(picture: Image) -> Image:
    """Turns the channels round."""
    return np.ascontiguousarray(picture[..., ::-1])
