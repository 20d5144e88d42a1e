"""The one-line face of the library."""

import contextlib
import functools
import glob
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, overload

from typing_extensions import Unpack

from easyseg._types import PathLike
from easyseg.engine import Segmenter, cached_segmenter
from easyseg.engine.stream import ResultStream
from easyseg.errors import EasysegWarning, MediaError
from easyseg.files import may_be_read
from easyseg.options import (
    CallOptions,
    DrawingOptions,
    EncodingOptions,
    FrameOptions,
    NetworkOptions,
    PictureOptions,
    RangeOptions,
    StreamOptions,
    VideoOptions,
    documented,
    fields,
    pick,
)
from easyseg.pictures.image import IMAGE_EXTENSIONS, ImageSource, unread
from easyseg.result import Segmentation
from easyseg.videos.extensions import VIDEO_EXTENSIONS

if TYPE_CHECKING:
    from easyseg.cameras.captures import CameraLike
    from easyseg.pipeline import Range, Segmenting, VideoSummary

    Streamable: TypeAlias = ImageSource | CameraLike


@overload
def segment(
    source: list[ImageSource] | tuple[ImageSource, ...], **options: Unpack[PictureOptions]
) -> list[Segmentation]: ...


@overload
def segment(source: ImageSource, **options: Unpack[PictureOptions]) -> Segmentation: ...


@documented()
def segment(
    source: ImageSource | Sequence[ImageSource], **options: Unpack[PictureOptions]
) -> Segmentation | list[Segmentation]:
    """Finds the class of every pixel of a picture.

    A model is loaded at its first use and kept, so that a loop pays for it once.

    Args:
        source: A path, an http(s) URL, the bytes of a file, a binary file object, a PIL image, a
            numpy array or a torch tensor, as `easyseg.pictures.image.read` takes them; or a list or
            tuple of these.

    Returns:
        A Segmentation at the picture's own size; a list of them for a list or tuple.

    Raises:
        InputError: If an option, a class or an array is not one of these.
        MediaError: If a picture cannot be read.
        DownloadError: If a URL cannot be fetched.
        ModelError: If the model cannot be loaded.
    """
    # A wrong name is said before the work is done.
    segmenter, kept = _opened(options)
    how = pick(CallOptions, options)
    if isinstance(source, (list, tuple)):
        results = segmenter(source, **how)
        return results if kept is None else [result.only(kept) for result in results]
    result = segmenter(source, **how)  # type: ignore[arg-type]
    return result if kept is None else result.only(kept)


@documented()
def stream(
    source: "Streamable | Sequence[Streamable]", **options: Unpack[StreamOptions]
) -> ResultStream:
    """Segments the frames of a video or a camera, or many pictures, one after another.

    Reading and the network run ahead in threads, a few frames only; stopping early is fine. Of a
    camera, it is always the newest frame that is segmented; it is given back when the iterator
    ends or is closed.

    Args:
        source: A video file, a picture, a folder (searched through all its depth), a pattern such
            as `"clips/*.mp4"`, or a list of these. Videos give all their frames. Or a camera: its
            index (0 is the first), the address of a stream (`rtsp://`, `udp://`, or `http://` with
            no picture's extension), an opened cv2.VideoCapture, or an object whose `read()` waits
            for the next picture in BGR.

    Returns:
        An iterator of Segmentations; `skipped` is how many things it passed over so far.

    Raises:
        InputError: If an option, a class or an array is not one of these.
        MediaError: If something cannot be read, or nothing is found.
        DownloadError: If a URL cannot be fetched.
        ModelError: If the model cannot be loaded.
    """
    from easyseg.pipeline import Range, Segmenting  # PyAV is not needed for pictures

    segmenter, kept = _opened(options)
    settings = Segmenting(
        **pick(FrameOptions, options), classes=kept, confidence=options["confidence"]
    )
    frames = Range(**pick(RangeOptions, options))
    work = functools.partial(
        _results_of, segmenter=segmenter, settings=settings, frames=frames,
        timeout=options["timeout"],
    )  # fmt: skip
    return ResultStream(_items(source), work, options["on_error"])


@documented()
def segment_video(
    source: PathLike, target: PathLike | None, **options: Unpack[VideoOptions]
) -> "VideoSummary":
    """Draws the classes over every frame of a video; rate, sound and subtitles stay.

    Args:
        source: A video file.
        target: A `.mp4`, `.mov`, `.mkv`, `.webm`, `.avi` or `.gif`; or, for a picture a frame, a
            folder (with a slash at the end) or a pattern such as `"frames/%06d.png"`; None writes
            none.

    Returns:
        What was done: `path`, `frames`, `resumed`, `skipped`, `seconds`, `rate`, `encoder`, `last`.

    Raises:
        InputError: If an option makes no sense.
        MediaError: If the source cannot be read or the target cannot be written; or if what is to
            be resumed was begun with another source or other arguments.
        ModelError: If the model cannot be loaded.
    """
    from easyseg.pipeline import Job, process_file
    from easyseg.videos.video_sink import Encoding

    Encoding(**pick(EncodingOptions, options))  # what is wrong is said before a model is loaded
    segmenter, kept = _opened(options)
    job = Job.of(fields(VideoOptions), options, kept)
    draw = functools.partial(Segmentation.overlay, **pick(DrawingOptions, options))
    return process_file(source, target, segmenter, draw, job)


def _opened(options: Mapping[str, Any]) -> tuple[Segmenter, tuple[int, ...] | None]:
    """Loads the model; gives it with the ids of the classes that are kept, if not all."""
    segmenter = cached_segmenter(options["model"], **pick(NetworkOptions, options))
    classes = options["classes"]
    return segmenter, None if classes is None else segmenter.label_set.select(classes)


def _results_of(
    item: "Streamable",
    segmenter: Segmenter,
    settings: "Segmenting",
    frames: "Range",
    timeout: float | None,
) -> Iterator[Segmentation]:
    from easyseg.cameras.source import CameraSource
    from easyseg.pipeline import segment_frames, segment_newest

    if _is_camera(item):
        camera = CameraSource(item, max_frames=frames.max_frames, timeout=timeout)
        with contextlib.closing(segment_newest(camera, segmenter, settings)) as live:
            yield from (result for _, result in live)
    elif isinstance(item, (str, os.PathLike)) and _is_video(item):
        with (
            frames.open(item) as video,
            contextlib.closing(segment_frames(video, segmenter, settings, source=item)) as results,
        ):
            yield from (result for _, result in results)
    else:
        result = segmenter(item, confidence=settings.confidence)  # type: ignore[arg-type]
        yield result if settings.classes is None else result.only(settings.classes)


def _items(source: "Streamable | Sequence[Streamable]") -> "list[Streamable]":
    """Looks into lists, folders and patterns."""
    if isinstance(source, (list, tuple)):
        return [item for one in source for item in _items(one)]
    if not isinstance(source, (str, os.PathLike)) or "://" in os.fspath(source):
        return [source]  # type: ignore[list-item]
    path = Path(os.fspath(source)).expanduser()
    if path.is_dir():
        known = IMAGE_EXTENSIONS | VIDEO_EXTENSIONS
        every = sorted(path.rglob("*"))
        found = [p for p in every if p.suffix.lower() in known and may_be_read(p)]
        if note := unread(every):
            warnings.warn(f"skipped in {path}: {note}", EasysegWarning, stacklevel=4)
    elif path.exists() or not glob.has_magic(str(path)):
        return [source]
    else:
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path's takes no absolute one
        found = [path for path in map(Path, sorted(names)) if may_be_read(path)]
    if not found:
        raise MediaError(f"there is no picture and no video in {str(source)!r}")
    return list(found)


def _is_video(path: PathLike) -> bool:
    text = os.fspath(path)
    return "://" not in text and Path(text).suffix.lower() in VIDEO_EXTENSIONS


def _is_camera(source: "Streamable") -> "TypeGuard[CameraLike]":
    """Tells cameras from pictures and files; among web addresses, by the extension."""
    from easyseg.cameras.captures import Readable, is_stream

    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source)
        picture = Path(text.partition("?")[0]).suffix.lower() in IMAGE_EXTENSIONS
        return (is_stream(text) and not picture) or Path(text).is_char_device()
    # Files, too, have a read(), and whether it can be called.
    camera = isinstance(source, Readable) and not hasattr(source, "readable")
    return camera or isinstance(source, int)
