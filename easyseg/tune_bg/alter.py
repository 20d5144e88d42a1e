"""`alter_bg`: the methods for pictures and frames, and the class itself."""

import os

import numpy as np
from typing_extensions import Unpack

from easyseg._types import Color, Image
from easyseg.background import Change
from easyseg.errors import InputError
from easyseg.labels import PASCAL_VOC
from easyseg.options import EdgeOptions, pick
from easyseg.pictures.image import ImageSource, read
from easyseg.semantic.parameters import FramePicture, Picture, PictureName, Verbose
from easyseg.tune_bg.camera import CameraMethods
from easyseg.tune_bg.making import as_bgr, strength
from easyseg.tune_bg.parameters import (
    Backdrop,
    BackdropOptions,
    Detect,
    Extreme,
    Low,
    Moderate,
    NewColor,
    pixellib,
)
from easyseg.tune_bg.video import VideoMethods


class alter_bg(VideoMethods, CameraMethods):
    """Changes the backgrounds of pictures, videos and cameras, as PixelLib 0.7.1 does.

    Names, positional orders and returns are PixelLib's. What is different:

    - Nothing has to be fetched or loaded by hand: `load_pascalvoc_model()` chooses a model, or may
      be left out.
    - `detect` takes any class by any of its names, by its id, or several in a list; None is
      everything but the background. Classes that only ADE20K has, such as "sky", work too, where no
      model was loaded. (In PixelLib it works for person, bird and car.)
    - Edges are soft and along the picture's own, and the old background's colours are taken out of
      them; `hard=True` leaves them as the labels are. A blur has no colours of the foreground in
      it, and is as strong in a large picture as in a small one.
    - `invert=True` does it to what is detected instead.
    - Pictures may be whatever `easyseg.pictures.image.read` takes; arrays are BGR.
    - Videos keep their rate and their sound; a video may be the background of a video.
    - Nothing is printed: `verbose=True` logs through the logger "easyseg.tune_bg" at level INFO.

    Args:
        model_type: `"h5"` or `"pb"`, accepted for PixelLib's sake; makes no difference.

    Raises:
        InputError: If `model_type` is something else.
    """

    def __init__(self, model_type: str = "h5") -> None:
        super().__init__()
        if model_type not in ("h5", "pb"):
            raise InputError(
                f"model_type must be 'h5' or 'pb' and makes no difference, got {model_type!r}; "
                "a model is chosen by load_pascalvoc_model()"
            )
        self.model_type = model_type
        self._backdrop: tuple[object, Image] | None = None

    def segmentAsPascalvoc(
        self, image_path: ImageSource, process_frame: bool = False
    ) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], Image]:
        """Segments a picture with the 21 classes of PASCAL VOC.

        Args:
            image_path: The picture; an array is BGR.
            process_frame: Accepted for PixelLib's sake: an array is recognised without it.

        Returns:
            `(labels, picture)`: ids, int64 (H, W), 0 for the background, and their colours, BGR
            uint8 (H, W, 3), both of the picture's own size.

        Raises:
            InputError: If an array is wrong.
            MediaError: If the picture cannot be read.
            ModelError: If the model cannot be loaded.
        """
        result = self._find(None)(image_path, color="bgr")
        return result.labels.astype(np.int64), as_bgr(result.colorize())

    def target_obj(self, segment: str) -> Color:
        """Gives the palette's colour of a class: red, green, blue.

        Args:
            segment: Its name.

        Raises:
            InputError: If there is no such class.
        """
        return PASCAL_VOC.color(PASCAL_VOC.find(segment))

    @pixellib
    def change_bg_img(
        self, f_image_path: Picture, b_image_path: Backdrop, output_image_name: PictureName = None,
        verbose: Verbose = None, detect: Detect = None, **options: Unpack[BackdropOptions],
    ) -> Image:  # fmt: skip
        """Puts another picture behind what is detected in a picture."""
        change = Change(
            image=self._read(b_image_path), classes=detect, **pick(BackdropOptions, options)
        )
        return self._picture(f_image_path, change, output_image_name, verbose)

    @pixellib
    def change_frame_bg(
        self, frame: FramePicture, b_image_path: Backdrop, verbose: Verbose = None,
        detect: Detect = None, **options: Unpack[BackdropOptions],
    ) -> Image:  # fmt: skip
        """Puts another picture behind what is detected in a frame."""
        change = Change(
            image=self._read(b_image_path), classes=detect, **pick(BackdropOptions, options)
        )
        return self._picture(frame, change, None, verbose)

    @pixellib
    def color_bg(
        self, image_path: Picture, colors: NewColor, output_image_name: PictureName = None,
        verbose: Verbose = None, detect: Detect = None, **options: Unpack[EdgeOptions],
    ) -> Image:  # fmt: skip
        """Puts a colour behind what is detected in a picture."""
        change = Change(color=colors, classes=detect, **pick(EdgeOptions, options))
        return self._picture(image_path, change, output_image_name, verbose)

    @pixellib
    def color_frame(
        self, frame: FramePicture, colors: NewColor, verbose: Verbose = None,
        detect: Detect = None, **options: Unpack[EdgeOptions],
    ) -> Image:  # fmt: skip
        """Puts a colour behind what is detected in a frame."""
        change = Change(color=colors, classes=detect, **pick(EdgeOptions, options))
        return self._picture(frame, change, None, verbose)

    @pixellib
    def blur_bg(
        self, image_path: Picture, low: Low = False, moderate: Moderate = False,
        extreme: Extreme = False, output_image_name: PictureName = None, verbose: Verbose = None,
        detect: Detect = None, **options: Unpack[EdgeOptions],
    ) -> Image:  # fmt: skip
        """Blurs what is behind what is detected in a picture."""
        change = Change(
            blur=strength(low=low, moderate=moderate, extreme=extreme),
            classes=detect,
            **pick(EdgeOptions, options),
        )
        return self._picture(image_path, change, output_image_name, verbose)

    @pixellib
    def blur_frame(
        self, frame: FramePicture, low: Low = False, moderate: Moderate = False,
        extreme: Extreme = False, verbose: Verbose = None, detect: Detect = None,
        **options: Unpack[EdgeOptions],
    ) -> Image:  # fmt: skip
        """Blurs what is behind what is detected in a frame."""
        change = Change(
            blur=strength(low=low, moderate=moderate, extreme=extreme),
            classes=detect,
            **pick(EdgeOptions, options),
        )
        return self._picture(frame, change, None, verbose)

    @pixellib
    def gray_bg(
        self, image_path: Picture, output_image_name: PictureName = None, verbose: Verbose = None,
        detect: Detect = None, **options: Unpack[EdgeOptions],
    ) -> Image:  # fmt: skip
        """Takes the colours out of what is behind what is detected in a picture."""
        change = Change(gray=True, classes=detect, **pick(EdgeOptions, options))
        return self._picture(image_path, change, output_image_name, verbose)

    @pixellib
    def gray_frame(
        self, frame: FramePicture, verbose: Verbose = None, detect: Detect = None,
        **options: Unpack[EdgeOptions],
    ) -> Image:  # fmt: skip
        """Takes the colours out of what is behind what is detected in a frame."""
        change = Change(gray=True, classes=detect, **pick(EdgeOptions, options))
        return self._picture(frame, change, None, verbose)

    def _read(self, source: ImageSource) -> Image:
        """Reads a background; a file is read once for many frames, and again when it changes."""
        if not isinstance(source, (str, os.PathLike)):
            return read(source, color="bgr")
        try:
            status = os.stat(source)  # noqa: PTH116 - a URL is no path
            key: object = (os.fspath(source), status.st_mtime_ns, status.st_size)
        except (OSError, ValueError):
            key = os.fspath(source)
        if self._backdrop is None or self._backdrop[0] != key:
            self._backdrop = key, read(source)
        return self._backdrop[1]
