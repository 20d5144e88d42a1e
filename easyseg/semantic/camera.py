"""PixelLib's methods for live cameras."""

import logging
from dataclasses import replace

import numpy as np

from easyseg._types import ClassSelection, Image, PathLike
from easyseg.cameras.captures import CameraLike
from easyseg.cameras.source import CameraSource
from easyseg.engine import Segmenter
from easyseg.options import DatasetName
from easyseg.pipeline import Live, Segmenting, View, run_live
from easyseg.semantic.live import live_of, released, report
from easyseg.semantic.values import Drawing, SemanticOutput, inner_classes, pack

# The name that users import, rather than this file's.
_logger = logging.getLogger("easyseg.semantic")


class CameraMethods:
    """The part of `semantic_segmentation` that is about live cameras."""

    _segmenters: dict[str, Segmenter]

    def _load(self, dataset: DatasetName, model: PathLike | None) -> Segmenter:
        raise NotImplementedError

    def process_camera_pascalvoc(
        self,
        cam: CameraLike,
        overlay: bool = False,
        check_fps: bool = False,
        frames_per_second: float | None = None,
        output_video_name: PathLike | None = None,
        show_frames: bool = False,
        frame_name: str | None = None,
        verbose: object = None,
        *,
        alpha: float = 0.7,
        legend: bool = False,
        outline: bool = False,
        classes: ClassSelection | None = None,
        long_names: bool = False,
        smoothing: str = "off",
        display: str = "auto",
        timeout: float | None = None,
        max_frames: int | None = None,
    ) -> SemanticOutput:
        """Segments a live camera with the 21 classes of PASCAL VOC.

        It ends with the stream, by q or Esc, by closing the window, by Ctrl-C, or after `timeout`
        or `max_frames`; a video is complete in every case, and plays at the speed of life.

        Args:
            cam: A cv2.VideoCapture, which is released at the end; or an index, a device, the
                address of a stream, a video file, or an object with `read()`.
            overlay: Whether the classes are drawn over the frames, rather than alone.
            check_fps: Whether to print the rate, at the end.
            frames_per_second: Rate to reach, by working at a smaller size, down to 256 pixels;
                None is 15. The speed of the video does not depend on it (in PixelLib it does).
            output_video_name: The new video: `.mp4`, `.mov`, `.mkv`, `.webm`, `.gif`; None writes
                none.
            show_frames: Whether to show the frames; `frame_name` is not needed for it.
            frame_name: Title of the window; None is "easyseg".
            verbose: Whether to log.
            alpha: As for `segmentAsPascalvoc`, like all up to `long_names`.
            legend: See there.
            outline: See there.
            classes: See there.
            long_names: See there.
            smoothing: `"off"`, `"light"` or `"strong"`: calms the labels over time.
            display: Where to show the frames, see `easyseg.segment_camera`.
            timeout: Seconds after which it ends; None goes on.
            max_frames: At most so many frames are segmented; None goes on.

        Returns:
            `(segvalues, picture)` of the last frame, as `segmentAsPascalvoc` gives them.

        Raises:
            InputError: If an option or a class is wrong.
            MediaError: If the camera cannot be opened or gives no picture, or something cannot be
                shown or written.
            ModelError: If the model cannot be loaded.
        """
        live = live_of(frames_per_second, output_video_name, show_frames, frame_name, display)
        return self._process_camera(
            "voc", cam, live, check_fps=check_fps, verbose=verbose, classes=classes,
            drawing=Drawing(overlay, alpha, legend, outline), long_names=long_names,
            smoothing=smoothing, timeout=timeout, max_frames=max_frames,
        )  # fmt: skip

    def process_camera_ade20k(
        self,
        cam: CameraLike,
        overlay: bool = False,
        check_fps: bool = False,
        frames_per_second: float | None = None,
        output_video_name: PathLike | None = None,
        show_frames: bool = False,
        frame_name: str | None = None,
        verbose: object = None,
        extract_segmented_objects: bool = False,
        *,
        alpha: float = 0.7,
        legend: bool = False,
        outline: bool = False,
        classes: ClassSelection | None = None,
        long_names: bool = False,
        smoothing: str = "off",
        display: str = "auto",
        timeout: float | None = None,
        max_frames: int | None = None,
    ) -> SemanticOutput:
        """Segments a live camera with the 150 classes of ADE20K.

        Args:
            cam: As for `process_camera_pascalvoc`, like all up to `verbose`.
            overlay: See there.
            check_fps: See there.
            frames_per_second: See there.
            output_video_name: See there.
            show_frames: See there.
            frame_name: See there.
            verbose: See there.
            extract_segmented_objects: Whether to return a list of the classes, too.
            alpha: As for `segmentAsAde20k`, like all up to `long_names`.
            legend: See there.
            outline: See there.
            classes: See there.
            long_names: See there.
            smoothing: As for `process_camera_pascalvoc`, like all that follow.
            display: See there.
            timeout: See there.
            max_frames: See there.

        Returns:
            `(segvalues, picture)`, or `(segvalues, objects, picture)`, of the last frame, as
            `segmentAsAde20k` gives them.

        Raises:
            EasysegError: As `process_camera_pascalvoc`.
        """
        live = live_of(frames_per_second, output_video_name, show_frames, frame_name, display)
        return self._process_camera(
            "ade20k", cam, live, check_fps=check_fps, verbose=verbose, classes=classes,
            drawing=Drawing(overlay, alpha, legend, outline), long_names=long_names,
            smoothing=smoothing, timeout=timeout, max_frames=max_frames,
            extract=extract_segmented_objects,
        )  # fmt: skip

    def _process_camera(
        self,
        dataset: DatasetName,
        source: CameraLike,
        live: Live,
        *,
        check_fps: bool,
        verbose: object,
        drawing: Drawing,
        classes: ClassSelection | None,
        long_names: bool,
        smoothing: str,
        timeout: float | None,
        max_frames: int | None,
        extract: bool = False,
    ) -> SemanticOutput:
        with (
            released(source),
            CameraSource(source, timeout=timeout, max_frames=max_frames) as camera,
        ):
            segmenter = self._segmenters.get(dataset) or self._load(dataset, None)
            kept = None if classes is None else inner_classes(classes, segmenter.label_set)
            live = replace(live, segmenting=Segmenting(1, smoothing, kept))
            summary = run_live(camera, segmenter, _view(drawing), live)
        report(summary, _logger, check_fps=check_fps, verbose=verbose)
        picture: Image = np.ascontiguousarray(summary.picture[..., ::-1])
        return pack(summary.last, picture, long_names=long_names, extract=extract)


def _view(drawing: Drawing) -> View:
    view = View(alpha=drawing.alpha, legend=drawing.legend, outline=drawing.outline)
    if not drawing.overlay:
        view.mode = "colours"
    return view
