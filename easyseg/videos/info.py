"""Opens video files with PyAV, and reads what they say of themselves."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from easyseg.errors import MediaError
from easyseg.videos.frame_pixels import is_on_its_side, orientation_of
from easyseg.videos.tone_mapping import HDR


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        width: Of a frame as it is shown, in pixels, after rotation.
        height: Of a frame as it is shown, in pixels, after rotation.
        rate: Frames per second, exact; None where the file does not say.
        time_base: Unit of the timestamps, in seconds.
        frames: Number of frames as the container claims or the duration suggests; None if unknown.
        duration: In seconds; None if unknown.
        codec: Name of the video codec.
        audio: Names of the codecs of the audio streams.
        subtitles: Names of the codecs of the subtitle streams.
        orientation: How stored frames are turned and mirrored: EXIF's number, 1 (upright) to 8.
        pixel_aspect: Width of a pixel relative to its height, as it is shown.
        dynamic_range: `"PQ"` or `"HLG"` for high dynamic range, `"SDR"` for the usual one.
    """

    width: int
    height: int
    rate: Fraction | None
    time_base: Fraction
    frames: int | None
    duration: float | None
    codec: str
    audio: tuple[str, ...]
    subtitles: tuple[str, ...]
    orientation: int = 1
    pixel_aspect: Fraction = Fraction(1)
    dynamic_range: str = "SDR"


def open_container(path: Path) -> InputContainer:
    """Opens a media file.

    Args:
        path: The file.

    Returns:
        The container; the caller closes it.

    Raises:
        MediaError: If there is no such file or it is not a media file.
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not there"
        raise MediaError(f"the video {str(path)!r} is {what}: give the path of a video file")
    try:
        return av.open(str(path), metadata_errors="ignore")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        size = path.stat().st_size
        raise MediaError(
            f"{str(path)!r} ({size} bytes) cannot be opened as a video, it seems to be damaged, "
            f"incomplete or something else: {error}"
        ) from error


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """Finds the stream to play.

    Args:
        container: The opened file or stream.
        name: What it is called in the error.

    Returns:
        The first stream of moving pictures.

    Raises:
        MediaError: If there is none.
    """
    # A cover picture in a music file is a video stream too, but not one to play.
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    raise MediaError(f"{name!r} has no video in it, only: {_kinds(container)}")


def _kinds(container: InputContainer) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"


def describe(container: InputContainer, stream: VideoStream, first: VideoFrame | None) -> VideoInfo:
    """Reads what a video says of itself.

    Args:
        container: The opened file.
        stream: Its moving picture.
        first: The first frame; None where none can be decoded.
    """
    orientation = 1 if first is None else orientation_of(first)
    width, height = (stream.width, stream.height) if first is None else (first.width, first.height)
    if is_on_its_side(orientation):
        width, height = height, width
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    time_base = Fraction(stream.time_base or Fraction(1, 1000))
    duration = None
    if stream.duration is not None:
        duration = float(stream.duration * time_base)
    elif container.duration is not None:
        duration = container.duration / av.time_base
    frames = stream.frames or None
    if frames is None and duration is not None and rate:
        frames = round(duration * rate)
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    return VideoInfo(
        width=width,
        height=height,
        rate=Fraction(rate) if rate else None,
        time_base=time_base,
        frames=frames,
        duration=duration,
        codec=stream.codec_context.name,
        audio=tuple(s.codec_context.name for s in container.streams.audio),
        subtitles=tuple(s.codec_context.name for s in container.streams.subtitles),
        orientation=orientation,
        pixel_aspect=1 / aspect if is_on_its_side(orientation) else aspect,
        dynamic_range="SDR" if first is None else HDR.get(first.color_trc, "SDR"),
    )
