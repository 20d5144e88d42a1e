"""`alter_bg`: the methods for live cameras."""

from easyseg._types import ClassSelection, Color, Image, PathLike
from easyseg.background import Change, change_live
from easyseg.cameras.captures import CameraLike
from easyseg.cameras.source import CameraSource
from easyseg.options import Fit
from easyseg.pictures.image import ImageSource
from easyseg.pipeline import Live
from easyseg.semantic.live import live_of, released, report
from easyseg.tune_bg.making import Making, as_bgr, backdrop, logger, strength


class CameraMethods(Making):
    """The part of `alter_bg` that is about live cameras.

    A camera ends with the stream, by q or Esc, by closing the window, by Ctrl-C, or after `timeout`
    or `max_frames`; a video is complete in every case, and plays at the speed of life.
    """

    def change_camera_bg(
        self,
        cam: CameraLike,
        b_image_path: ImageSource,
        frames_per_second: float | None = None,
        check_fps: bool = False,
        show_frames: bool = False,
        frame_name: str | None = None,
        verbose: object = None,
        output_video_name: PathLike | None = None,
        detect: ClassSelection | None = None,
        *,
        invert: bool = False,
        hard: bool = False,
        fit: Fit = "stretch",
        display: str = "auto",
        timeout: float | None = None,
        max_frames: int | None = None,
    ) -> Image:
        """Puts another background behind what a camera shows of what is detected.

        Args:
            cam: A cv2.VideoCapture, which is released at the end; or an index, a device, the
                address of a stream, a video file, or an object with `read()`.
            b_image_path: The new background: a picture, or a video, which plays over and over.
            frames_per_second: Rate to reach, by working at a smaller size; None is 15. The speed
                of the video does not depend on it (in PixelLib it does).
            check_fps: Whether to print the rate, at the end.
            show_frames: Whether to show the frames; `frame_name` is not needed for it.
            frame_name: Title of the window; None is "easyseg".
            verbose: Whether to log.
            output_video_name: The new video: `.mp4`, `.mov`, `.mkv`, `.webm`, `.gif`; None writes
                none.
            detect: What stays as it is: a class or several; None is everything but the background.
            invert: Whether what is detected changes, and the rest stays.
            hard: Whether edges are as the labels are, rather than soft.
            fit: How the background is brought to size: `"stretch"` as PixelLib does, `"fill"` or
                `"fit"`.
            display: Where to show the frames, see `easyseg.segment_camera`.
            timeout: Seconds after which it ends; None goes on.
            max_frames: At most so many frames; None goes on.

        Returns:
            The last picture, BGR uint8 (H, W, 3).

        Raises:
            InputError: If an option or a class is wrong.
            MediaError: If the camera cannot be opened or gives no picture, or something cannot be
                shown or written.
            ModelError: If the model cannot be loaded.
        """
        change = Change(**backdrop(b_image_path), classes=detect, invert=invert, hard=hard, fit=fit)
        live = live_of(frames_per_second, output_video_name, show_frames, frame_name, display)
        return self._camera(
            cam, change, live, check_fps=check_fps, verbose=verbose, timeout=timeout,
            max_frames=max_frames,
        )  # fmt: skip

    def color_camera(
        self,
        cam: CameraLike,
        colors: Color,
        frames_per_second: float | None = None,
        check_fps: bool = False,
        show_frames: bool = False,
        frame_name: str | None = None,
        verbose: object = None,
        output_video_name: PathLike | None = None,
        detect: ClassSelection | None = None,
        *,
        invert: bool = False,
        hard: bool = False,
        display: str = "auto",
        timeout: float | None = None,
        max_frames: int | None = None,
    ) -> Image:
        """Puts a colour behind what a camera shows of what is detected.

        Args:
            cam: As for `change_camera_bg`.
            colors: Red, green, blue, each 0 to 255.
            frames_per_second: As for `change_camera_bg`, like all that follow.
            check_fps: See there.
            show_frames: See there.
            frame_name: See there.
            verbose: See there.
            output_video_name: See there.
            detect: See there.
            invert: See there.
            hard: See there.
            display: See there.
            timeout: See there.
            max_frames: See there.

        Returns:
            The last picture, BGR uint8 (H, W, 3).

        Raises:
            EasysegError: As `change_camera_bg`.
        """
        change = Change(color=colors, classes=detect, invert=invert, hard=hard)
        live = live_of(frames_per_second, output_video_name, show_frames, frame_name, display)
        return self._camera(
            cam, change, live, check_fps=check_fps, verbose=verbose, timeout=timeout,
            max_frames=max_frames,
        )  # fmt: skip

    def blur_camera(
        self,
        cam: CameraLike,
        low: bool = False,
        moderate: bool = False,
        extreme: bool = False,
        frames_per_second: float | None = None,
        check_fps: bool = False,
        show_frames: bool = False,
        frame_name: str | None = None,
        verbose: object = None,
        output_video_name: PathLike | None = None,
        detect: ClassSelection | None = None,
        *,
        invert: bool = False,
        hard: bool = False,
        display: str = "auto",
        timeout: float | None = None,
        max_frames: int | None = None,
    ) -> Image:
        """Blurs what a camera shows behind what is detected.

        Args:
            cam: As for `change_camera_bg`.
            low: Whether to blur a little.
            moderate: Whether to blur moderately, which is the default.
            extreme: Whether to blur a lot; of several the strongest counts.
            frames_per_second: As for `change_camera_bg`, like all that follow.
            check_fps: See there.
            show_frames: See there.
            frame_name: See there.
            verbose: See there.
            output_video_name: See there.
            detect: See there.
            invert: See there.
            hard: See there.
            display: See there.
            timeout: See there.
            max_frames: See there.

        Returns:
            The last picture, BGR uint8 (H, W, 3).

        Raises:
            EasysegError: As `change_camera_bg`.
        """
        change = Change(
            blur=strength(low=low, moderate=moderate, extreme=extreme),
            classes=detect,
            invert=invert,
            hard=hard,
        )
        live = live_of(frames_per_second, output_video_name, show_frames, frame_name, display)
        return self._camera(
            cam, change, live, check_fps=check_fps, verbose=verbose, timeout=timeout,
            max_frames=max_frames,
        )  # fmt: skip

    def gray_camera(
        self,
        cam: CameraLike,
        frames_per_second: float | None = None,
        check_fps: bool = False,
        show_frames: bool = False,
        frame_name: str | None = None,
        verbose: object = None,
        output_video_name: PathLike | None = None,
        detect: ClassSelection | None = None,
        *,
        invert: bool = False,
        hard: bool = False,
        display: str = "auto",
        timeout: float | None = None,
        max_frames: int | None = None,
    ) -> Image:
        """Takes the colours out of what a camera shows behind what is detected.

        Args:
            cam: As for `change_camera_bg`.
            frames_per_second: As for `change_camera_bg`, like all that follow.
            check_fps: See there.
            show_frames: See there.
            frame_name: See there.
            verbose: See there.
            output_video_name: See there.
            detect: See there.
            invert: See there.
            hard: See there.
            display: See there.
            timeout: See there.
            max_frames: See there.

        Returns:
            The last picture, BGR uint8 (H, W, 3).

        Raises:
            EasysegError: As `change_camera_bg`.
        """
        change = Change(gray=True, classes=detect, invert=invert, hard=hard)
        live = live_of(frames_per_second, output_video_name, show_frames, frame_name, display)
        return self._camera(
            cam, change, live, check_fps=check_fps, verbose=verbose, timeout=timeout,
            max_frames=max_frames,
        )  # fmt: skip

    def _camera(
        self,
        source: CameraLike,
        change: Change,
        live: Live,
        *,
        check_fps: bool,
        verbose: object,
        timeout: float | None,
        max_frames: int | None,
    ) -> Image:
        with (
            released(source),
            CameraSource(source, timeout=timeout, max_frames=max_frames) as camera,
        ):
            summary = change_live(camera, self._find(change.classes), change, live)
        report(summary, logger, check_fps=check_fps, verbose=verbose)
        return as_bgr(summary.picture)
