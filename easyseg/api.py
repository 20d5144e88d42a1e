"""The one-line face of the library."""

import contextlib
import functools
import glob
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeGuard, overload

from easyseg._types import ClassSelection, PathLike
from easyseg.engine import Segmenter, cached_segmenter
from easyseg.errors import MediaError
from easyseg.pictures.image import IMAGE_EXTENSIONS, ImageSource
from easyseg.result import Segmentation
from easyseg.videos.extensions import VIDEO_EXTENSIONS

if TYPE_CHECKING:
    import torch

    from easyseg.cameras.captures import CameraLike
    from easyseg.pipeline import Range, Segmenting, VideoSummary

    Streamable: TypeAlias = ImageSource | CameraLike


@overload
def segment(
    source: list[ImageSource] | tuple[ImageSource, ...],
    *,
    dataset: str | None = None,
    model: PathLike = "fast",
    classes: ClassSelection | None = None,
    color: Literal["rgb", "bgr"] = "rgb",
    confidence: bool = False,
    device: "str | torch.device | None" = None,
    precision: str = "auto",
    backend: str = "auto",
    size: int | None = None,
    output_stride: int | None = None,
    tta: bool = False,
    tile: int | None = None,
) -> list[Segmentation]: ...


@overload
def segment(
    source: ImageSource,
    *,
    dataset: str | None = None,
    model: PathLike = "fast",
    classes: ClassSelection | None = None,
    color: Literal["rgb", "bgr"] = "rgb",
    confidence: bool = False,
    device: "str | torch.device | None" = None,
    precision: str = "auto",
    backend: str = "auto",
    size: int | None = None,
    output_stride: int | None = None,
    tta: bool = False,
    tile: int | None = None,
) -> Segmentation: ...


def segment(
    source: ImageSource | Sequence[ImageSource],
    *,
    dataset: str | None = None,
    model: PathLike = "fast",
    classes: ClassSelection | None = None,
    color: Literal["rgb", "bgr"] = "rgb",
    confidence: bool = False,
    device: "str | torch.device | None" = None,
    precision: str = "auto",
    backend: str = "auto",
    size: int | None = None,
    output_stride: int | None = None,
    tta: bool = False,
    tile: int | None = None,
) -> Segmentation | list[Segmentation]:
    """Finds the class of every pixel of a picture.

    A model is loaded at its first use and kept, so that a loop pays for it once.

    Args:
        source: A path, an http(s) URL, the bytes of a file, a binary file object, a PIL image, a
            numpy array or a torch tensor, as `easyseg.pictures.image.read` takes them; or a list or
            tuple of these.
        dataset: The classes to look for: `"ade20k"` (150, the default) or `"voc"` (21).
        model: A tier (`"builtin"`, `"fast"`, `"balanced"`, `"best"`), the full name of a model
            (see `easyseg models`), or the path of a checkpoint file.
        classes: Keep only these classes, by id (from 0) or by name or synonym; the other pixels
            become void. None keeps all.
        color: Order of the channels of arrays and tensors: `"bgr"` for OpenCV's.
        confidence: Whether to compute the confidence of each pixel, too.
        device: A torch device; None takes CUDA, then MPS, then the CPU.
        precision: `"fp32"`, `"bf16"`, `"fp16"` (GPUs only), or `"int8"` (OpenVINO only, after
            `easyseg.quantize`). `"auto"` is fp32, or bf16 where the processor has instructions for
            it and it was measured not to cost the model accuracy.
        backend: What computes the network's answer: `"torch"`, or on a CPU `"openvino"` or
            `"onnxruntime"`, which are extras. `"auto"` is OpenVINO on a CPU where it is installed,
            else torch. Where another than torch fails, torch takes over with a warning.
        size: Side, in pixels, that the model works at; None is the model's own. Larger is slower
            and finer.
        output_stride: Coarseness of the encoder, such as 8, 16 or 32; None is the model's own.
            Smaller is slower and finer.
        tta: Whether to average six views of the picture: about six times slower.
        tile: Side, in pixels, of the tiles that larger pictures are cut into, such as 1024, so that
            small things are found in them; None takes every picture whole.

    Returns:
        A Segmentation at the picture's own size; a list of them for a list or tuple.

    Raises:
        InputError: If an option, a class or an array is not one of these.
        MediaError: If a picture cannot be read.
        DownloadError: If a URL cannot be fetched.
        ModelError: If the model cannot be loaded.
    """
    segmenter = cached_segmenter(
        model,
        dataset=dataset,
        device=device,
        precision=precision,
        backend=backend,
        size=size,
        output_stride=output_stride,
    )
    # A wrong name is said before the work is done.
    kept = None if classes is None else segmenter.label_set.select(classes)
    if isinstance(source, (list, tuple)):
        results = segmenter(source, color=color, confidence=confidence, tta=tta, tile=tile)
        return results if kept is None else [result.only(kept) for result in results]
    result = segmenter(
        source,  # type: ignore[arg-type]
        color=color,
        confidence=confidence,
        tta=tta,
        tile=tile,
    )
    return result if kept is None else result.only(kept)


def stream(
    source: "Streamable | Sequence[Streamable]",
    *,
    dataset: str | None = None,
    model: PathLike = "fast",
    classes: ClassSelection | None = None,
    confidence: bool = False,
    device: "str | torch.device | None" = None,
    precision: str = "auto",
    backend: str = "auto",
    size: int | None = None,
    output_stride: int | None = None,
    every_n: int = 1,
    smoothing: str = "off",
    start: float | None = None,
    end: float | None = None,
    stride: int = 1,
    max_frames: int | None = None,
    timeout: float | None = None,
) -> Iterator[Segmentation]:
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
        dataset: As for `segment`, like all up to `output_stride`.
        model: See there.
        classes: See there.
        confidence: See there.
        device: See there.
        precision: See there.
        backend: See there.
        size: See there.
        output_stride: See there.
        every_n: Every how many-th frame of a video is shown to the network; the frames between
            keep the labels of the last one.
        smoothing: `"off"`, `"light"` or `"strong"`: calms the labels of a video over time.
        start: First moment wanted of a video, in seconds.
        end: Moment of a video to stop at, in seconds.
        stride: Every how many-th frame of a video is taken.
        max_frames: At most so many frames of a video or camera are taken.
        timeout: Seconds after which a camera ends.

    Returns:
        An iterator of Segmentations.

    Raises:
        InputError: If an option, a class or an array is not one of these.
        MediaError: If something cannot be read, or nothing is found.
        DownloadError: If a URL cannot be fetched.
        ModelError: If the model cannot be loaded.
    """
    from easyseg.pipeline import Range, Segmenting  # PyAV is not needed for pictures

    segmenter = cached_segmenter(
        model, dataset=dataset, device=device, precision=precision, backend=backend,
        size=size, output_stride=output_stride,
    )  # fmt: skip
    kept = None if classes is None else segmenter.label_set.select(classes)
    settings = Segmenting(every_n, smoothing, kept, confidence)
    frames = Range(start, end, stride, max_frames)
    return _stream(_items(source), segmenter, settings, frames, timeout)


def segment_video(
    source: PathLike,
    target: PathLike | None,
    *,
    dataset: str | None = None,
    model: PathLike = "fast",
    classes: ClassSelection | None = None,
    device: "str | torch.device | None" = None,
    precision: str = "auto",
    backend: str = "auto",
    size: int | None = None,
    output_stride: int | None = None,
    every_n: int = 1,
    smoothing: str = "off",
    start: float | None = None,
    end: float | None = None,
    stride: int = 1,
    max_frames: int | None = None,
    alpha: float = 0.6,
    legend: bool = True,
    outline: bool = True,
    sound: bool = True,
    frames_per_second: float | None = None,
    encoder: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    statistics: PathLike | None = None,
    on_frame: Callable[[int, float, Segmentation], None] | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> "VideoSummary":
    """Draws the classes over every frame of a video; rate, sound and subtitles stay.

    Args:
        source: A video file.
        target: A `.mp4`, `.mov`, `.mkv`, `.webm`, `.avi` or `.gif`; or, for a picture a frame, a
            folder (with a slash at the end) or a pattern such as `"frames/%06d.png"`; None writes
            none.
        dataset: As for `segment`, like all up to `output_stride`.
        model: See there.
        classes: See there.
        device: See there.
        precision: See there.
        backend: See there.
        size: See there.
        output_stride: See there.
        every_n: As for `stream`, like all up to `max_frames`.
        smoothing: See there.
        start: See there.
        end: See there.
        stride: See there.
        max_frames: See there.
        alpha: Share of the colour in the overlay, 0 to 1.
        legend: Whether the classes are listed.
        outline: Whether there is a thin line around each area.
        sound: Whether sound and subtitles are kept.
        frames_per_second: Rate at which the target plays; None is the source's. Another speed than
            the source's goes without sound.
        encoder: FFmpeg's name of a video encoder; None takes the best there is.
        crf: Constant rate factor: smaller is better and larger a file; None is 20 (H.264).
        preset: H.264's speed preset; None is `"veryfast"`.
        statistics: A `.csv` (frame, time, class, ratio) or `.jsonl` file to write, too.
        on_frame: Called with (number, time in seconds, Segmentation) for each frame.
        resume: Whether to go on where an earlier call with `resume` and the same arguments was
            killed or interrupted. What is finished waits in a hidden folder beside the target,
            which goes when the target is complete; nothing is coded twice.
        progress: Whether to show a bar; None shows it on a terminal.

    Returns:
        What was done: `path`, `frames`, `resumed`, `skipped`, `seconds`, `rate`, `encoder`, `last`.

    Raises:
        InputError: If an option makes no sense.
        MediaError: If the source cannot be read or the target cannot be written; or if what is to
            be resumed was begun with another source or other arguments.
        ModelError: If the model cannot be loaded.
    """
    from easyseg.pipeline import Job, Range, Segmenting, identify_model, process_file
    from easyseg.videos.video_sink import Encoding

    encoding = Encoding(encoder=encoder, crf=crf, preset=preset)
    segmenter = cached_segmenter(
        model, dataset=dataset, device=device, precision=precision, backend=backend,
        size=size, output_stride=output_stride,
    )  # fmt: skip
    kept = None if classes is None else segmenter.label_set.select(classes)
    job = Job(
        segmenting=Segmenting(every_n, smoothing, kept),
        range=Range(start, end, stride, max_frames),
        encoding=encoding,
        sound=sound,
        frames_per_second=frames_per_second,
        statistics=statistics,
        on_frame=on_frame,
        progress=progress,
        resume=resume,
        drawing={
            "alpha": alpha, "legend": legend, "outline": outline, "size": size,
            "output_stride": output_stride, "device": str(device), "precision": precision,
            "backend": backend, "weights": identify_model(model),
        },
    )  # fmt: skip
    draw = functools.partial(Segmentation.overlay, alpha=alpha, legend=legend, outline=outline)
    return process_file(source, target, segmenter, draw, job)


def _stream(
    items: "list[Streamable]",
    segmenter: Segmenter,
    settings: "Segmenting",
    frames: "Range",
    timeout: float | None,
) -> Iterator[Segmentation]:
    from easyseg.cameras.source import CameraSource
    from easyseg.pipeline import segment_frames, segment_newest

    for item in items:
        if _is_camera(item):
            camera = CameraSource(item, max_frames=frames.max_frames, timeout=timeout)
            with contextlib.closing(segment_newest(camera, segmenter, settings)) as live:
                yield from (result for _, result in live)
        elif isinstance(item, (str, os.PathLike)) and _is_video(item):
            with (
                frames.open(item) as video,
                contextlib.closing(
                    segment_frames(video, segmenter, settings, source=item)
                ) as results,
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
        found = [p for p in sorted(path.rglob("*")) if p.suffix.lower() in known]
    elif path.exists() or not glob.has_magic(str(path)):
        return [source]
    else:
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path's takes no absolute one
        found = [Path(name) for name in sorted(names)]
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
