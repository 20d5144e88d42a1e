"""The class itself, with its methods for pictures; those for videos and cameras are beside it."""

import logging

import numpy as np
from typing_extensions import Unpack

from easyseg._types import PathLike
from easyseg.engine import Segmenter
from easyseg.errors import InputError
from easyseg.options import DatasetName, DrawingOptions, pick
from easyseg.pictures.image import ImageSource, write
from easyseg.semantic.camera import CameraMethods
from easyseg.semantic.models import load_model
from easyseg.semantic.parameters import (
    Extract,
    FramePicture,
    Overlay,
    Picture,
    PictureName,
    ProcessFrame,
    ResultOptions,
    Verbose,
    pixellib,
)
from easyseg.semantic.values import Drawing, SemanticOutput, inner_classes, pack
from easyseg.semantic.video import VideoMethods

# The name that users import, rather than this file's.
_logger = logging.getLogger("easyseg.semantic")


class semantic_segmentation(VideoMethods, CameraMethods):
    """Segments pictures with the classes of PASCAL VOC or ADE20K, as PixelLib 0.7.1 does.

    Names, positional orders and returns are PixelLib's. What is different:

    - Nothing has to be fetched or loaded by hand: `load_pascalvoc_model()` and
      `load_ade20k_model()` choose a model or may be left out.
    - Pictures may be whatever `easyseg.pictures.image.read` takes: paths, URLs, bytes, PIL images.
      Arrays are BGR, OpenCV's order, with `process_frame` or without. Files keep their colours in
      the overlay (PixelLib swaps red and blue).
    - `segvalues` has `class_ids`, `class_names`, `class_colors`, `masks` and `ratios` for both data
      sets, in plain Python types; `masks` has a mask for each class, (N, H, W) bool, at the
      picture's own size; the lists are ordered from the largest class to the smallest.
    - The overlay leaves the background and pixels without a class as they are in the picture
      (PixelLib darkens them); `alpha`, `legend`, `outline` and `classes` are options.
    - The output is a tuple with an attribute more, `segmentation`: the result with masks by name,
      confidence, `save()` and so on.
    - Nothing is printed: `verbose=True` logs through the logger "easyseg.semantic" at level INFO.

    Args:
        model_type: `"h5"` or `"pb"`, accepted for PixelLib's sake; makes no difference.

    Raises:
        InputError: If `model_type` is something else.
    """

    def __init__(self, model_type: str = "h5") -> None:
        if model_type not in ("h5", "pb"):
            raise InputError(
                f"model_type must be 'h5' or 'pb' and makes no difference, got {model_type!r}; "
                "models are chosen by load_pascalvoc_model() and load_ade20k_model()"
            )
        self.model_type = model_type
        self._segmenters: dict[str, Segmenter] = {}

    def load_pascalvoc_model(self, model_path: PathLike | None = None) -> None:
        """Chooses and loads the model for PASCAL VOC.

        Args:
            model_path: The path of a checkpoint, the name of a model, or a tier (`"fast"`,
                `"balanced"`, `"best"`); None is the default.

        Raises:
            InputError: If there is no such model, or it knows other classes.
            ModelError: If the file is missing, damaged or of no known kind.
        """
        self._load("voc", model_path)

    def load_ade20k_model(self, model_path: PathLike | None = None) -> None:
        """Chooses and loads the model for ADE20K.

        Args:
            model_path: As for `load_pascalvoc_model`.

        Raises:
            InputError: As for `load_pascalvoc_model`.
            ModelError: As for `load_pascalvoc_model`.
        """
        self._load("ade20k", model_path)

    @pixellib
    def segmentAsPascalvoc(
        self, image_path: Picture, process_frame: ProcessFrame = False,
        output_image_name: PictureName = None, overlay: Overlay = False, verbose: Verbose = None,
        **options: Unpack[ResultOptions],
    ) -> SemanticOutput:  # fmt: skip
        """Segments a picture with the 21 classes of PASCAL VOC.

        Returns:
            `(segvalues, picture)`: `SegValues`, and BGR uint8 (H, W, 3) of the picture's own size.

        Raises:
            InputError: If the array, an option or a class is wrong.
            MediaError: If the picture cannot be read or written.
            DownloadError: If a URL cannot be fetched.
            ModelError: If the model cannot be loaded.
        """
        return self._segment("voc", image_path, output_image_name, overlay, verbose, options)

    @pixellib
    def segmentFrameAsPascalvoc(
        self, frame: FramePicture, output_frame_name: PictureName = None,
        overlay: Overlay = False, verbose: Verbose = None,
        **options: Unpack[ResultOptions],
    ) -> SemanticOutput:  # fmt: skip
        """Segments a frame with the 21 classes of PASCAL VOC.

        Returns:
            As `segmentAsPascalvoc`.

        Raises:
            EasysegError: As `segmentAsPascalvoc`.
        """
        return self._segment("voc", frame, output_frame_name, overlay, verbose, options)

    @pixellib
    def segmentAsAde20k(
        self, image_path: Picture, output_image_name: PictureName = None, overlay: Overlay = False,
        extract_segmented_objects: Extract = False, process_frame: ProcessFrame = False,
        verbose: Verbose = None,
        **options: Unpack[ResultOptions],
    ) -> SemanticOutput:  # fmt: skip
        """Segments a picture with the 150 classes of ADE20K.

        Returns:
            `(segvalues, picture)` as `segmentAsPascalvoc`, or `(segvalues, objects, picture)` with
            a list of `SegmentedObject`, the largest first.

        Raises:
            EasysegError: As `segmentAsPascalvoc`.
        """
        return self._segment(
            "ade20k", image_path, output_image_name, overlay, verbose, options,
            extract=extract_segmented_objects,
        )  # fmt: skip

    @pixellib
    def segmentFrameAsAde20k(
        self, frame: FramePicture, output_frame_name: PictureName = None,
        overlay: Overlay = False, verbose: Verbose = None,
        extract_segmented_objects: Extract = False,
        **options: Unpack[ResultOptions],
    ) -> SemanticOutput:  # fmt: skip
        """Segments a frame with the 150 classes of ADE20K.

        Returns:
            As `segmentAsAde20k`.

        Raises:
            EasysegError: As `segmentAsPascalvoc`.
        """
        return self._segment(
            "ade20k", frame, output_frame_name, overlay, verbose, options,
            extract=extract_segmented_objects,
        )  # fmt: skip

    def _load(self, dataset: DatasetName, model: PathLike | None) -> Segmenter:
        segmenter = load_model(dataset, model)
        self._segmenters[dataset] = segmenter
        return segmenter

    def _segment(
        self,
        dataset: DatasetName,
        source: ImageSource,
        output_name: PathLike | None,
        overlay: bool,
        verbose: object,
        options: ResultOptions,
        *,
        extract: bool = False,
    ) -> SemanticOutput:
        if isinstance(source, (list, tuple)):
            raise InputError("expected one picture; easyseg.segment() takes a list of them")
        segmenter = self._segmenters.get(dataset) or self._load(dataset, None)
        kept = inner_classes(options["classes"], segmenter.label_set)
        result = segmenter(source, color="bgr")
        if kept is not None:
            result = result.only(kept)
        picture = Drawing(overlay, **pick(DrawingOptions, options))(result)
        if output_name is not None:
            write(output_name, picture)
        _logger.log(
            logging.INFO if verbose else logging.DEBUG,
            "segmented %s in %.2f s, written to %s", result, result.timing.get("total", 0),
            output_name,
        )  # fmt: skip
        bgr = np.ascontiguousarray(picture[..., ::-1])
        return pack(result, bgr, long_names=options["long_names"], extract=extract)
