"""PixelLib's methods for live cameras."""

import logging
from dataclasses import replace

import numpy as np
from typing_extensions import Unpack

from easyseg._types import Image, PathLike
from easyseg.cameras.captures import CameraLike
from easyseg.cameras.source import CameraSource
from easyseg.engine import Segmenter
from easyseg.options import CaptureOptions, DatasetName, DrawingOptions, FrameOptions, pick
from easyseg.pipeline import Segmenting, View, run_live
from easyseg.semantic.live import Shown, live_of, released, report
from easyseg.semantic.parameters import (
    Camera,
    CameraRate,
    CameraResultOptions,
    CheckFps,
    Extract,
    FrameName,
    Overlay,
    ShowFrames,
    Verbose,
    VideoName,
    pixellib,
)
from easyseg.semantic.values import Drawing, SemanticOutput, inner_classes, pack

# The name that users import, rather than this file's.
_logger = logging.getLogger("easyseg.semantic")


class CameraMethods:
    """The part of `semantic_segmentation` that is about live cameras."""

    _segmenters: dict[str, Segmenter]

    def _load(self, dataset: DatasetName, model: PathLike | None) -> Segmenter:
        raise NotImplementedError

    @pixellib
    def process_camera_pascalvoc(
        self, cam: Camera, overlay: Overlay = False, check_fps: CheckFps = False,
        frames_per_second: CameraRate = None, output_video_name: VideoName = None,
        show_frames: ShowFrames = False, frame_name: FrameName = None, verbose: Verbose = None,
        **options: Unpack[CameraResultOptions],
    ) -> SemanticOutput:  # fmt: skip
        """Segments a live camera with the 21 classes of PASCAL VOC.

        It ends with the stream, by q or Esc, by closing the window, by Ctrl-C, or after `timeout`
        or `max_frames`; a video is complete in every case, and plays at the speed of life.

        Returns:
            `(segvalues, picture)` of the last frame, as `segmentAsPascalvoc` gives them.

        Raises:
            InputError: If an option or a class is wrong.
            MediaError: If the camera cannot be opened or gives no picture, or something cannot be
                shown or written.
            ModelError: If the model cannot be loaded.
        """
        shown = (frames_per_second, output_video_name, show_frames, frame_name)
        return self._process_camera("voc", cam, shown, (check_fps, verbose), overlay, options)

    @pixellib
    def process_camera_ade20k(
        self, cam: Camera, overlay: Overlay = False, check_fps: CheckFps = False,
        frames_per_second: CameraRate = None, output_video_name: VideoName = None,
        show_frames: ShowFrames = False, frame_name: FrameName = None, verbose: Verbose = None,
        extract_segmented_objects: Extract = False, **options: Unpack[CameraResultOptions],
    ) -> SemanticOutput:  # fmt: skip
        """Segments a live camera with the 150 classes of ADE20K.

        Returns:
            `(segvalues, picture)`, or `(segvalues, objects, picture)`, of the last frame, as
            `segmentAsAde20k` gives them.

        Raises:
            EasysegError: As `process_camera_pascalvoc`.
        """
        shown = (frames_per_second, output_video_name, show_frames, frame_name)
        return self._process_camera(
            "ade20k", cam, shown, (check_fps, verbose), overlay, options,
            extract=extract_segmented_objects,
        )  # fmt: skip

    def _process_camera(
        self,
        dataset: DatasetName,
        source: CameraLike,
        shown: Shown,
        told: tuple[bool, object],
        overlay: bool,
        options: CameraResultOptions,
        *,
        extract: bool = False,
    ) -> SemanticOutput:
        live = live_of(*shown, options["display"])
        with released(source), CameraSource(source, **pick(CaptureOptions, options)) as camera:
            segmenter = self._segmenters.get(dataset) or self._load(dataset, None)
            kept = inner_classes(options["classes"], segmenter.label_set)
            segmenting = Segmenting(**pick(FrameOptions, options), classes=kept)
            drawing = Drawing(overlay, **pick(DrawingOptions, options))
            summary = run_live(
                camera, segmenter, _view(drawing), replace(live, segmenting=segmenting)
            )
        report(summary, _logger, *told)
        picture: Image = np.ascontiguousarray(summary.picture[..., ::-1])
        return pack(summary.last, picture, long_names=options["long_names"], extract=extract)


def _view(drawing: Drawing) -> View:
    view = View(alpha=drawing.alpha, legend=drawing.legend, outline=drawing.outline)
    if not drawing.overlay:
        view.mode = "colours"
    return view
