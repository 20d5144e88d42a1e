"""`alter_bg`: the methods for video files."""

from typing_extensions import Unpack

from easyseg._types import Image
from easyseg.background import Change
from easyseg.options import EdgeOptions, pick
from easyseg.semantic.parameters import Video, VideoName, VideoRate
from easyseg.tune_bg.making import Making, backdrop, strength
from easyseg.tune_bg.parameters import (
    Backdrop,
    BackdropOptions,
    Detect,
    Extreme,
    Low,
    Moderate,
    NewColor,
    VideoBackdropOptions,
    VideoEdgeOptions,
    calm,
)


class VideoMethods(Making):
    """The part of `alter_bg` that is about video files."""

    @calm
    def change_video_bg(
        self, video_path: Video, b_image_path: Backdrop, frames_per_second: VideoRate = None,
        output_video_name: VideoName = None, detect: Detect = None,
        **options: Unpack[VideoBackdropOptions],
    ) -> Image:  # fmt: skip
        """Puts another background behind what is detected in a video.

        Sound and subtitles are kept. Nothing is printed; on a terminal there is a progress bar.
        """
        change = Change(**backdrop(b_image_path), classes=detect, **pick(BackdropOptions, options))
        return self._video(video_path, change, frames_per_second, output_video_name, options)

    @calm
    def color_video(
        self, video_path: Video, colors: NewColor, frames_per_second: VideoRate = None,
        output_video_name: VideoName = None, detect: Detect = None,
        **options: Unpack[VideoEdgeOptions],
    ) -> Image:  # fmt: skip
        """Puts a colour behind what is detected in a video."""
        change = Change(color=colors, classes=detect, **pick(EdgeOptions, options))
        return self._video(video_path, change, frames_per_second, output_video_name, options)

    @calm
    def blur_video(
        self, video_path: Video, low: Low = False, moderate: Moderate = False,
        extreme: Extreme = False, frames_per_second: VideoRate = None,
        output_video_name: VideoName = None, detect: Detect = None,
        **options: Unpack[VideoEdgeOptions],
    ) -> Image:  # fmt: skip
        """Blurs what is behind what is detected in a video."""
        change = Change(
            blur=strength(low=low, moderate=moderate, extreme=extreme),
            classes=detect,
            **pick(EdgeOptions, options),
        )
        return self._video(video_path, change, frames_per_second, output_video_name, options)

    @calm
    def gray_video(
        self, video_path: Video, frames_per_second: VideoRate = None,
        output_video_name: VideoName = None, detect: Detect = None,
        **options: Unpack[VideoEdgeOptions],
    ) -> Image:  # fmt: skip
        """Takes the colours out of what is behind what is detected in a video."""
        change = Change(gray=True, classes=detect, **pick(EdgeOptions, options))
        return self._video(video_path, change, frames_per_second, output_video_name, options)
