"""PixelLib's methods for video files."""

import numpy as np
from typing_extensions import Unpack

from easyseg._types import Image, PathLike
from easyseg.engine import Segmenter
from easyseg.options import DatasetName, DrawingOptions, FrameOptions, pick
from easyseg.pipeline import Job, Segmenting, process_file
from easyseg.semantic.parameters import (
    Extract,
    Overlay,
    Video,
    VideoName,
    VideoRate,
    VideoResultOptions,
    pixellib,
)
from easyseg.semantic.values import Drawing, SemanticOutput, inner_classes, pack


class VideoMethods:
    """The part of `semantic_segmentation` that is about video files."""

    _segmenters: dict[str, Segmenter]

    def _load(self, dataset: DatasetName, model: PathLike | None) -> Segmenter:
        raise NotImplementedError

    @pixellib
    def process_video_pascalvoc(
        self, video_path: Video, overlay: Overlay = False, frames_per_second: VideoRate = None,
        output_video_name: VideoName = None, **options: Unpack[VideoResultOptions],
    ) -> SemanticOutput:  # fmt: skip
        """Segments a video file with the 21 classes of PASCAL VOC.

        Sound and subtitles are kept. Nothing is printed; on a terminal there is a progress bar.

        Returns:
            `(segvalues, picture)` of the last frame, as `segmentAsPascalvoc` gives them.

        Raises:
            InputError: If an option or a class is wrong.
            MediaError: If the video cannot be read, has no frame, or cannot be written.
            ModelError: If the model cannot be loaded.
        """
        return self._process_video(
            "voc", video_path, output_video_name, frames_per_second, overlay, options
        )

    @pixellib
    def process_video_ade20k(
        self, video_path: Video, overlay: Overlay = False, frames_per_second: VideoRate = None,
        output_video_name: VideoName = None, extract_segmented_objects: Extract = False,
        **options: Unpack[VideoResultOptions],
    ) -> SemanticOutput:  # fmt: skip
        """Segments a video file with the 150 classes of ADE20K.

        Returns:
            `(segvalues, picture)`, or `(segvalues, objects, picture)`, of the last frame, as
            `segmentAsAde20k` gives them.

        Raises:
            EasysegError: As `process_video_pascalvoc`.
        """
        return self._process_video(
            "ade20k", video_path, output_video_name, frames_per_second, overlay, options,
            extract=extract_segmented_objects,
        )  # fmt: skip

    def _process_video(
        self,
        dataset: DatasetName,
        source: PathLike,
        target: PathLike | None,
        rate: float | None,
        overlay: bool,
        options: VideoResultOptions,
        *,
        extract: bool = False,
    ) -> SemanticOutput:
        segmenter = self._segmenters.get(dataset) or self._load(dataset, None)
        kept = inner_classes(options["classes"], segmenter.label_set)
        drawing = Drawing(overlay, **pick(DrawingOptions, options))
        segmenting = Segmenting(**pick(FrameOptions, options), classes=kept)
        job = Job(segmenting=segmenting, frames_per_second=rate)
        last = process_file(source, target, segmenter, drawing, job).last
        picture: Image = np.ascontiguousarray(drawing(last)[..., ::-1])
        return pack(last, picture, long_names=options["long_names"], extract=extract)
