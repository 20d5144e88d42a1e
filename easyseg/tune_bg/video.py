"""`alter_bg`: the methods for video files."""

from easyseg._types import ClassSelection, Color, Image, PathLike
from easyseg.background import Change
from easyseg.options import Fit
from easyseg.pictures.image import ImageSource
from easyseg.tune_bg.making import Making, backdrop, strength


class VideoMethods(Making):
    """The part of `alter_bg` that is about video files."""

    def change_video_bg(
        self,
        video_path: PathLike,
        b_image_path: ImageSource,
        frames_per_second: float | None = None,
        output_video_name: PathLike | None = None,
        detect: ClassSelection | None = None,
        *,
        invert: bool = False,
        hard: bool = False,
        fit: Fit = "stretch",
        smoothing: str = "light",
    ) -> Image:
        """Puts another background behind what is detected in a video.

        Sound and subtitles are kept. Nothing is printed; on a terminal there is a progress bar.

        Args:
            video_path: The video.
            b_image_path: The new background: a picture, or a video, which plays in step.
            frames_per_second: Rate at which the new video plays; None is the source's. Another
                speed goes without sound.
            output_video_name: The new video: `.mp4`, `.mov`, `.mkv`, `.webm`, `.avi`, `.gif`; None
                writes none.
            detect: What stays as it is: a class or several; None is everything but the background.
            invert: Whether what is detected changes, and the rest stays.
            hard: Whether edges are as the labels are, rather than soft.
            fit: How the background is brought to size: `"stretch"` as PixelLib does, `"fill"` or
                `"fit"`.
            smoothing: `"off"`, `"light"` or `"strong"`: calms the edges over time.

        Returns:
            The last picture, BGR uint8 (H, W, 3).

        Raises:
            InputError: If an option or a class is wrong.
            MediaError: If something cannot be read, or the video cannot be written.
            ModelError: If the model cannot be loaded.
        """
        change = Change(**backdrop(b_image_path), classes=detect, invert=invert, hard=hard, fit=fit)
        return self._video(video_path, change, frames_per_second, output_video_name, smoothing)

    def color_video(
        self,
        video_path: PathLike,
        colors: Color,
        frames_per_second: float | None = None,
        output_video_name: PathLike | None = None,
        detect: ClassSelection | None = None,
        *,
        invert: bool = False,
        hard: bool = False,
        smoothing: str = "light",
    ) -> Image:
        """Puts a colour behind what is detected in a video.

        Args:
            video_path: The video.
            colors: Red, green, blue, each 0 to 255.
            frames_per_second: As for `change_video_bg`, like all that follow.
            output_video_name: See there.
            detect: See there.
            invert: See there.
            hard: See there.
            smoothing: See there.

        Returns:
            The last picture, BGR uint8 (H, W, 3).

        Raises:
            EasysegError: As `change_video_bg`.
        """
        change = Change(color=colors, classes=detect, invert=invert, hard=hard)
        return self._video(video_path, change, frames_per_second, output_video_name, smoothing)

    def blur_video(
        self,
        video_path: PathLike,
        low: bool = False,
        moderate: bool = False,
        extreme: bool = False,
        frames_per_second: float | None = None,
        output_video_name: PathLike | None = None,
        detect: ClassSelection | None = None,
        *,
        invert: bool = False,
        hard: bool = False,
        smoothing: str = "light",
    ) -> Image:
        """Blurs what is behind what is detected in a video.

        Args:
            video_path: The video.
            low: Whether to blur a little.
            moderate: Whether to blur moderately, which is the default.
            extreme: Whether to blur a lot; of several the strongest counts.
            frames_per_second: As for `change_video_bg`, like all that follow.
            output_video_name: See there.
            detect: See there.
            invert: See there.
            hard: See there.
            smoothing: See there.

        Returns:
            The last picture, BGR uint8 (H, W, 3).

        Raises:
            EasysegError: As `change_video_bg`.
        """
        change = Change(
            blur=strength(low=low, moderate=moderate, extreme=extreme),
            classes=detect,
            invert=invert,
            hard=hard,
        )
        return self._video(video_path, change, frames_per_second, output_video_name, smoothing)

    def gray_video(
        self,
        video_path: PathLike,
        frames_per_second: float | None = None,
        output_video_name: PathLike | None = None,
        detect: ClassSelection | None = None,
        *,
        invert: bool = False,
        hard: bool = False,
        smoothing: str = "light",
    ) -> Image:
        """Takes the colours out of what is behind what is detected in a video.

        Args:
            video_path: The video.
            frames_per_second: As for `change_video_bg`, like all that follow.
            output_video_name: See there.
            detect: See there.
            invert: See there.
            hard: See there.
            smoothing: See there.

        Returns:
            The last picture, BGR uint8 (H, W, 3).

        Raises:
            EasysegError: As `change_video_bg`.
        """
        change = Change(gray=True, classes=detect, invert=invert, hard=hard)
        return self._video(video_path, change, frames_per_second, output_video_name, smoothing)
