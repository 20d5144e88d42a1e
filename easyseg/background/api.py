"""One line for another background."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from easyseg._types import ClassSelection, Color, Image, PathLike
from easyseg.background.change import Change, find_segmenter
from easyseg.background.files import change_file
from easyseg.background.moving import frame_clock
from easyseg.pictures.image import ImageSource, write
from easyseg.pipeline import Job, Range, Segmenting, VideoSummary, identify_model
from easyseg.render.effects import Fit, Strength
from easyseg.result import Segmentation
from easyseg.videos.encoder import Encoding
from easyseg.videos.frame_sinks import check_transparent

if TYPE_CHECKING:
    import torch


def change_background(
    source: ImageSource,
    target: PathLike | None = None,
    *,
    blur: Strength | None = None,
    color: Color | None = None,
    gray: bool = False,
    pixelate: Strength | None = None,
    image: ImageSource | None = None,
    transparent: bool = False,
    fit: Fit = "fill",
    classes: ClassSelection | None = None,
    invert: bool = False,
    hard: bool = False,
    order: Literal["rgb", "bgr"] = "rgb",
    dataset: str | None = None,
    model: PathLike = "fast",
    device: "str | torch.device | None" = None,
    precision: str = "auto",
    backend: str = "auto",
    size: int | None = None,
) -> Image:
    """Changes the background of a picture: exactly one of the first six options says how.

    Args:
        source: The picture, as `easyseg.segment` takes it.
        target: A picture file to write, too; None writes none. A transparent background needs one
            that knows alpha, such as `.png` or `.webp`: others get white.
        blur: Strength, 0 to 1 relative to the picture's size, or `"low"`, `"moderate"`,
            `"extreme"`. The colours of what is in front do not run into it.
        color: Another colour: red, green, blue, each 0 to 255.
        gray: Whether to take the colours out.
        pixelate: Strength of a mosaic, as for `blur`.
        image: Another picture.
        transparent: Whether to cut the background off.
        fit: How `image` is brought to size: `"fill"` cuts off what is too much, `"fit"` leaves
            black bars, `"stretch"` distorts.
        classes: What is in front, by name, synonym or id, one or several; None is everything but
            the background, where the data set has one.
        invert: Whether to do it to the classes instead, such as to pixelate persons and cars.
        hard: Whether edges are as the labels are, rather than soft and along the picture's own.
        order: Order of the channels of an array or tensor: `"bgr"` for OpenCV's.
        dataset: `"voc"` or `"ade20k"`; None is VOC, or ADE20K when only that has the classes.
        model: As for `easyseg.segment`, like all that follow.
        device: See there.
        precision: See there.
        backend: See there.
        size: See there.

    Returns:
        The new picture, RGB uint8 (H, W, 3), or RGBA (H, W, 4) for a transparent background.

    Raises:
        InputError: If an option or a class makes no sense, or not one effect is given.
        MediaError: If a picture cannot be read or written.
        DownloadError: If a URL cannot be fetched.
        ModelError: If the model cannot be loaded.
    """
    change = Change(
        blur=blur, color=color, gray=gray, pixelate=pixelate, image=image, transparent=transparent,
        fit=fit, classes=classes, invert=invert, hard=hard,
    )  # fmt: skip
    segmenter = find_segmenter(
        model, dataset, classes, device=device, precision=precision, backend=backend, size=size
    )
    with change.drawing(segmenter.label_set, frame_clock(None)) as draw:
        picture = draw(segmenter(source, color=order))
    if target is not None:
        write(target, picture)
    return picture


def change_background_video(
    source: PathLike,
    target: PathLike,
    *,
    blur: Strength | None = None,
    color: Color | None = None,
    gray: bool = False,
    pixelate: Strength | None = None,
    image: ImageSource | None = None,
    video: PathLike | None = None,
    transparent: bool = False,
    fit: Fit = "fill",
    classes: ClassSelection | None = None,
    invert: bool = False,
    hard: bool = False,
    dataset: str | None = None,
    model: PathLike = "fast",
    device: "str | torch.device | None" = None,
    precision: str = "auto",
    backend: str = "auto",
    size: int | None = None,
    every_n: int = 1,
    smoothing: str = "light",
    start: float | None = None,
    end: float | None = None,
    stride: int = 1,
    max_frames: int | None = None,
    sound: bool = True,
    frames_per_second: float | None = None,
    encoder: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    on_frame: Callable[[int, float, Segmentation], None] | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> VideoSummary:
    """Changes the background of a video; rate, sound and subtitles stay.

    Args:
        source: A video file.
        target: As for `easyseg.segment_video`. A transparent one is a `.mov` (ProRes 4444), a
            `.webm` (VP9), or a folder or pattern for PNGs.
        blur: As for `change_background`, like all up to `size`.
        color: See there.
        gray: See there.
        pixelate: See there.
        image: See there.
        video: A video to put behind; it plays in step, and again from the start when it ends.
        transparent: See there.
        fit: See there.
        classes: See there.
        invert: See there.
        hard: See there.
        dataset: See there.
        model: See there.
        device: See there.
        precision: See there.
        backend: See there.
        size: See there.
        every_n: As for `easyseg.segment_video`, like all that follow. Between the frames that the
            network sees, the edges still follow the picture.
        smoothing: See there; `"light"` here, because flicker is seen most at edges.
        start: See there.
        end: See there.
        stride: See there.
        max_frames: See there.
        sound: See there.
        frames_per_second: See there.
        encoder: See there.
        crf: See there.
        preset: See there.
        on_frame: See there.
        resume: See there; transparent videos can only be resumed as folders of PNGs.
        progress: See there.

    Returns:
        What was done, as `easyseg.segment_video` gives it.

    Raises:
        InputError: If an option or a class makes no sense, not one effect is given, or the target
            cannot be transparent.
        MediaError: If something cannot be read, or the target cannot be written.
        ModelError: If the model cannot be loaded.
    """
    change = Change(
        blur=blur, color=color, gray=gray, pixelate=pixelate, image=image, video=video,
        transparent=transparent, fit=fit, classes=classes, invert=invert, hard=hard,
    )  # fmt: skip
    job = Job(
        segmenting=Segmenting(every_n, smoothing),
        range=Range(start, end, stride, max_frames),
        encoding=Encoding(encoder, crf, preset, alpha=transparent),
        sound=sound,
        frames_per_second=frames_per_second,
        on_frame=on_frame,
        progress=progress,
        resume=resume,
        drawing={
            "size": size, "device": str(device), "precision": precision, "backend": backend,
            "weights": identify_model(model),
        },
    )  # fmt: skip
    if transparent:
        check_transparent(target)
    segmenter = find_segmenter(
        model, dataset, classes, device=device, precision=precision, backend=backend, size=size
    )
    return change_file(source, target, segmenter, change, job)
