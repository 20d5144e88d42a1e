"""`alter_bg`: the methods for live cameras."""

from dataclasses import replace

from typing_extensions import Unpack

from easyseg._types import Image
from easyseg.background import Change, change_live
from easyseg.cameras.captures import CameraLike
from easyseg.cameras.source import CameraSource
from easyseg.options import CaptureOptions, EdgeOptions, FrameOptions, pick
from easyseg.pipeline import Segmenting
from easyseg.semantic.live import Shown, live_of, released, report
from easyseg.semantic.parameters import (
    Camera,
    CameraRate,
    CheckFps,
    FrameName,
    ShowFrames,
    Verbose,
    VideoName,
)
from easyseg.tune_bg.making import Making, as_bgr, backdrop, logger, strength
from easyseg.tune_bg.parameters import (
    Backdrop,
    BackdropOptions,
    CameraBackdropOptions,
    CameraEdgeOptions,
    Detect,
    Extreme,
    Low,
    Moderate,
    NewColor,
    live,
)


class CameraMethods(Making):
    """The part of `alter_bg` that is about live cameras.

    A camera ends with the stream, by q or Esc, by closing the window, by Ctrl-C, or after `timeout`
    or `max_frames`; a video is complete in every case, and plays at the speed of life.
    """

    @live
    def change_camera_bg(
        self, cam: Camera, b_image_path: Backdrop, frames_per_second: CameraRate = None,
        check_fps: CheckFps = False, show_frames: ShowFrames = False, frame_name: FrameName = None,
        verbose: Verbose = None, output_video_name: VideoName = None, detect: Detect = None,
        **options: Unpack[CameraBackdropOptions],
    ) -> Image:  # fmt: skip
        """Puts another background behind what is detected in a camera's picture."""
        change = Change(**backdrop(b_image_path), classes=detect, **pick(BackdropOptions, options))
        shown = (frames_per_second, output_video_name, show_frames, frame_name)
        return self._camera(cam, change, shown, (check_fps, verbose), options)

    @live
    def color_camera(
        self, cam: Camera, colors: NewColor, frames_per_second: CameraRate = None,
        check_fps: CheckFps = False, show_frames: ShowFrames = False, frame_name: FrameName = None,
        verbose: Verbose = None, output_video_name: VideoName = None, detect: Detect = None,
        **options: Unpack[CameraEdgeOptions],
    ) -> Image:  # fmt: skip
        """Puts a colour behind what is detected in a camera's picture."""
        change = Change(color=colors, classes=detect, **pick(EdgeOptions, options))
        shown = (frames_per_second, output_video_name, show_frames, frame_name)
        return self._camera(cam, change, shown, (check_fps, verbose), options)

    @live
    def blur_camera(
        self, cam: Camera, low: Low = False, moderate: Moderate = False, extreme: Extreme = False,
        frames_per_second: CameraRate = None, check_fps: CheckFps = False,
        show_frames: ShowFrames = False, frame_name: FrameName = None, verbose: Verbose = None,
        output_video_name: VideoName = None, detect: Detect = None,
        **options: Unpack[CameraEdgeOptions],
    ) -> Image:  # fmt: skip
        """Blurs what is behind what is detected in a camera's picture."""
        change = Change(
            blur=strength(low=low, moderate=moderate, extreme=extreme),
            classes=detect,
            **pick(EdgeOptions, options),
        )
        shown = (frames_per_second, output_video_name, show_frames, frame_name)
        return self._camera(cam, change, shown, (check_fps, verbose), options)

    @live
    def gray_camera(
        self, cam: Camera, frames_per_second: CameraRate = None, check_fps: CheckFps = False,
        show_frames: ShowFrames = False, frame_name: FrameName = None, verbose: Verbose = None,
        output_video_name: VideoName = None, detect: Detect = None,
        **options: Unpack[CameraEdgeOptions],
    ) -> Image:  # fmt: skip
        """Takes the colours out of what is behind what is detected in a camera's picture."""
        change = Change(gray=True, classes=detect, **pick(EdgeOptions, options))
        shown = (frames_per_second, output_video_name, show_frames, frame_name)
        return self._camera(cam, change, shown, (check_fps, verbose), options)

    def _camera(
        self,
        source: CameraLike,
        change: Change,
        shown: Shown,
        told: tuple[bool, object],
        options: CameraEdgeOptions,
    ) -> Image:
        segmenting = Segmenting(**pick(FrameOptions, options))
        shape = replace(live_of(*shown, options["display"]), segmenting=segmenting)
        with released(source), CameraSource(source, **pick(CaptureOptions, options)) as camera:
            summary = change_live(camera, self._find(change.classes), change, shape)
        report(summary, logger, *told)
        return as_bgr(summary.picture)
