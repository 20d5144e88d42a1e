"""PixelLib's methods for video files."""

import numpy as np

from easyseg._types import ClassSelection, Image, PathLike
from easyseg.engine import Segmenter
from easyseg.options import DatasetName
from easyseg.pipeline import Job, Segmenting, process_file
from easyseg.semantic.values import Drawing, SemanticOutput, inner_classes, pack


class VideoMethods:
    """The part of `semantic_segmentation` that is about video files."""

    _segmenters: dict[str, Segmenter]

    def _load(self, dataset: DatasetName, model: PathLike | None) -> Segmenter:
        raise NotImplementedError

    def process_video_pascalvoc(
        self,
        video_path: PathLike,
        overlay: bool = False,
        frames_per_second: float | None = None,
        output_video_name: PathLike | None = None,
        *,
        alpha: float = 0.7,
        legend: bool = False,
        outline: bool = False,
        classes: ClassSelection | None = None,
        long_names: bool = False,
        every_n: int = 1,
        smoothing: str = "off",
    ) -> SemanticOutput:
        """Segments a video file with the 21 classes of PASCAL VOC.

        Sound and subtitles are kept. Nothing is printed; on a terminal there is a progress bar.

        Args:
            video_path: The video.
            overlay: Whether the classes are drawn over the frames, rather than alone.
            frames_per_second: Rate at which the new video plays; None is the source's. Another
                speed goes without sound.
            output_video_name: The new video: `.mp4`, `.mov`, `.mkv`, `.webm`, `.avi`, `.gif`; None
                writes none.
            alpha: As for `segmentAsPascalvoc`, like all up to `long_names`.
            legend: See there.
            outline: See there.
            classes: See there.
            long_names: See there.
            every_n: Every how many-th frame is shown to the network; the labels are kept between.
            smoothing: `"off"`, `"light"` or `"strong"`: calms the labels over time.

        Returns:
            `(segvalues, picture)` of the last frame, as `segmentAsPascalvoc` gives them.

        Raises:
            InputError: If an option or a class is wrong.
            MediaError: If the video cannot be read, has no frame, or cannot be written.
            ModelError: If the model cannot be loaded.
        """
        return self._process_video(
            "voc", video_path, output_video_name, frames_per_second=frames_per_second,
            drawing=Drawing(overlay, alpha, legend, outline), classes=classes,
            long_names=long_names, every_n=every_n, smoothing=smoothing,
        )  # fmt: skip

    def process_video_ade20k(
        self,
        video_path: PathLike,
        overlay: bool = False,
        frames_per_second: float | None = None,
        output_video_name: PathLike | None = None,
        extract_segmented_objects: bool = False,
        *,
        alpha: float = 0.7,
        legend: bool = False,
        outline: bool = False,
        classes: ClassSelection | None = None,
        long_names: bool = False,
        every_n: int = 1,
        smoothing: str = "off",
    ) -> SemanticOutput:
        """Segments a video file with the 150 classes of ADE20K.

        Args:
            video_path: As for `process_video_pascalvoc`, like all up to `output_video_name`.
            overlay: See there.
            frames_per_second: See there.
            output_video_name: See there.
            extract_segmented_objects: Whether to return a list of the classes, too.
            alpha: As for `segmentAsAde20k`, like all up to `long_names`.
            legend: See there.
            outline: See there.
            classes: See there.
            long_names: See there.
            every_n: As for `process_video_pascalvoc`.
            smoothing: As for `process_video_pascalvoc`.

        Returns:
            `(segvalues, picture)`, or `(segvalues, objects, picture)`, of the last frame, as
            `segmentAsAde20k` gives them.

        Raises:
            EasysegError: As `process_video_pascalvoc`.
        """
        return self._process_video(
            "ade20k", video_path, output_video_name, frames_per_second=frames_per_second,
            drawing=Drawing(overlay, alpha, legend, outline), classes=classes,
            long_names=long_names, every_n=every_n, smoothing=smoothing,
            extract=extract_segmented_objects,
        )  # fmt: skip

    def _process_video(
        self,
        dataset: DatasetName,
        source: PathLike,
        target: PathLike | None,
        *,
        frames_per_second: float | None,
        drawing: Drawing,
        classes: ClassSelection | None,
        long_names: bool,
        every_n: int,
        smoothing: str,
        extract: bool = False,
    ) -> SemanticOutput:
        segmenter = self._segmenters.get(dataset) or self._load(dataset, None)
        kept = None if classes is None else inner_classes(classes, segmenter.label_set)
        job = Job(
            segmenting=Segmenting(every_n, smoothing, kept), frames_per_second=frames_per_second
        )
        last = process_file(source, target, segmenter, drawing, job).last
        picture: Image = np.ascontiguousarray(drawing(last)[..., ::-1])
        return pack(last, picture, long_names=long_names, extract=extract)
