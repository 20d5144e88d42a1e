"""One line for another background."""

from typing_extensions import Unpack

from easyseg._types import Image, PathLike
from easyseg.background.change import Change, find_segmenter
from easyseg.background.files import change_file
from easyseg.background.moving import frame_clock
from easyseg.options import (
    BackgroundOptions,
    BackgroundVideoOptions,
    RunningOptions,
    documented,
    fields,
    pick,
)
from easyseg.pictures.image import ImageSource, write
from easyseg.pipeline import Job, VideoSummary
from easyseg.videos.frame_sinks import check_transparent


@documented()
def change_background(
    source: ImageSource, target: PathLike | None = None, **options: Unpack[BackgroundOptions]
) -> Image:
    """Changes the background of a picture: exactly one of the first six options says how.

    Args:
        source: The picture, as `easyseg.segment` takes it.
        target: A picture file to write, too; None writes none. A transparent background needs one
            that knows alpha, such as `.png` or `.webp`: others get white.

    Returns:
        The new picture, RGB uint8 (H, W, 3), or RGBA (H, W, 4) for a transparent background.

    Raises:
        InputError: If an option or a class makes no sense, or not one effect is given.
        MediaError: If a picture cannot be read or written.
        DownloadError: If a URL cannot be fetched.
        ModelError: If the model cannot be loaded.
    """
    change = Change.of(options)
    named = options["model"], options["dataset"], options["classes"]
    segmenter = find_segmenter(*named, **pick(RunningOptions, options))
    with change.drawing(segmenter.label_set, frame_clock(None)) as draw:
        picture = draw(segmenter(source, color=options["order"]))
    if target is not None:
        write(target, picture)
    return picture


@documented(smoothing="light")
def change_background_video(
    source: PathLike, target: PathLike, **options: Unpack[BackgroundVideoOptions]
) -> VideoSummary:
    """Changes the background of a video; rate, sound and subtitles stay.

    Args:
        source: A video file.
        target: As for `easyseg.segment_video`. A transparent one is a `.mov` (ProRes 4444), a
            `.webm` (VP9), or a folder or pattern for PNGs.

    Returns:
        What was done, as `easyseg.segment_video` gives it.

    Raises:
        InputError: If an option or a class makes no sense, not one effect is given, or the target
            cannot be transparent.
        MediaError: If something cannot be read, or the target cannot be written.
        ModelError: If the model cannot be loaded.
    """
    change = Change.of(options)
    job = Job.of(fields(BackgroundVideoOptions), options)
    if change.transparent:
        check_transparent(target)
    named = options["model"], options["dataset"], options["classes"]
    segmenter = find_segmenter(*named, **pick(RunningOptions, options))
    return change_file(source, target, segmenter, change, job)
