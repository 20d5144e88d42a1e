"""Changes the background of photographs, of a video, or of a live camera."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from easyseg.cli import video, work
from easyseg.cli.camera import announce
from easyseg.cli.exports import Save
from easyseg.cli.flags import add_fields, add_flags, chosen
from easyseg.cli.inputs import Picture, find
from easyseg.cli.outputs import folder_of, plan
from easyseg.cli.segment import segment_each
from easyseg.errors import InputError
from easyseg.files.shown import visible
from easyseg.options import (
    BackgroundCameraOptions,
    BackgroundVideoOptions,
    CaptureOptions,
    EffectOptions,
    ManyOptions,
    MovingOptions,
    QualityOptions,
    ReadingOptions,
    TransparentOptions,
    fields,
    pick,
)

if TYPE_CHECKING:
    from easyseg.background import Change
    from easyseg.result import Segmentation

ENDING = "_background"
_CAMERA = "camera"
_STREAMS = ("rtsp://", "rtmp://", "udp://", "tcp://")

_EPILOG = """\
easyseg background photo.jpg --blur 0.5                        writes photo_background.jpg
easyseg background photo.jpg --transparent --classes person    a cut-out, photo_background.png
easyseg background street.jpg --pixelate --invert --classes person,car
easyseg background clip.mp4 --video waves.mp4 -o out.mp4
easyseg background camera --image beach.jpg --virtual-camera"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.epilog = _EPILOG
    work.add_inputs(
        parser, "INPUT",
        "photographs: files, folders, quoted patterns, URLs; or a video; or a camera: its "
        "number, a device, the address of a stream (rtsp://), or camera, which is the first",
        "a file or a folder; without it INPUT_background in the current folder. A transparent "
        "video is a .mov, a .webm, or a folder of PNGs. For a camera: a video to record to",
    )  # fmt: skip
    work.add_common(parser, json="a line of JSON for each file")
    parser.set_defaults(kind="overlay", export=None)
    title = "what is done to the background, one of these"
    effects = parser.add_argument_group(title).add_mutually_exclusive_group(required=True)
    for kind in (EffectOptions, MovingOptions, TransparentOptions):
        add_fields(effects, fields(kind))
    add_flags(
        parser, BackgroundVideoOptions, QualityOptions, ReadingOptions, ManyOptions,
        BackgroundCameraOptions, smoothing="light", leave_out=["record"], on_error=None,
    )  # fmt: skip
    parser.add_argument(
        "--live", action="store_true",
        help="the input is a live stream although its address begins with http://, as a "
        "photograph's does",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Changes the backgrounds.

    Returns:
        0, or 1 when some photographs failed, or 2 when all did.

    Raises:
        InputError: If the options do not go together, or name what does not exist.
        MediaError: If a video or a camera cannot be read, or something cannot be written.
        ModelError: If the model cannot be loaded.
    """
    kinds = {"camera" if options.live else _kind(name) for name in options.photos}
    if len(kinds) > 1 or (kinds != {"photo"} and len(options.photos) > 1):
        raise InputError("photographs, or one video, or one camera: run the command once for each")
    if options.virtual_camera and kinds != {"camera"}:
        raise InputError("--virtual-camera is for cameras: easyseg background camera ...")
    if options.resume and kinds != {"video"}:
        raise InputError("--resume is for videos")
    from easyseg.background import Change, choose_dataset

    change = Change.of(vars(options))
    options.dataset = choose_dataset(options.model, options.dataset, options.classes)
    if kinds == {"photo"}:
        inputs = find(options.photos, leave_out=folder_of(options.output, several=False))
        return segment_each(options, inputs, _Saving(change))
    return (_run_video if kinds == {"video"} else _run_camera)(options, change)


class _Saving:
    """Opens what saves photographs with another background, see `segment_each`."""

    def __init__(self, change: "Change") -> None:
        self._change = change

    @contextlib.contextmanager
    def __call__(self, options: argparse.Namespace, pictures: list[Picture]) -> Iterator[Save]:
        from easyseg.background import frame_clock

        if options.video is not None:
            raise InputError("--video is for videos and cameras: a photograph takes an --image")
        # Colours alone are written without loss, and so is transparency.
        targets = plan(
            pictures, options.output, "colors" if options.transparent else "overlay", ending=ENDING
        )
        _check_transparent(options, targets)
        label_set = work.make_segmenter(options).label_set  # from the cache, later
        with self._change.drawing(label_set, frame_clock(None)) as draw:

            def save(index: int, _picture: Picture, result: "Segmentation") -> list[Path]:
                target = targets[index]
                work.write_picture(target, draw(result))
                return [] if target is None else [target]

            yield save


def _check_transparent(options: argparse.Namespace, targets: list[Path | None]) -> None:
    for target in targets:
        if options.transparent and target and target.suffix.lower() in (".jpg", ".jpeg", ".bmp"):
            raise InputError(f"{target.suffix} knows no transparency: use .png or .webp")


def _run_video(options: argparse.Namespace, change: "Change") -> int:
    from easyseg.background import change_file

    source = options.photos[0]
    ending = f"{ENDING}.mov" if options.transparent else f"{ENDING}.mp4"
    target = options.output or f"{Path(source).stem}{ending}"
    job = video.job_of(options, fields(BackgroundVideoOptions))
    summary = change_file(source, target, work.make_segmenter(options), change, job)
    video.report(options, source, target, summary)
    return 0


def _run_camera(options: argparse.Namespace, change: "Change") -> int:
    from easyseg.background import change_live
    from easyseg.cameras.source import CameraSource
    from easyseg.cameras.virtual_camera import VirtualCamera
    from easyseg.pipeline import Live

    name = options.photos[0]
    choices = chosen(options, BackgroundCameraOptions)
    live = Live.of({**choices, "record": options.output, "announce": announce})
    sinks = [VirtualCamera()] if options.virtual_camera else []
    with CameraSource(0 if name == _CAMERA else name, **pick(CaptureOptions, choices)) as source:
        summary = change_live(source, work.make_segmenter(options), change, live, sinks)
    if sys.stdout is not None and not options.quiet:
        files = [str(path) for path in summary.recordings]
        print(visible("  ".join([*files, f"{summary.frames} frames, {summary.rate:.1f} a second"])))
    return 0


def _kind(name: str) -> str:
    from easyseg.videos.extensions import VIDEO_EXTENSIONS

    here = Path(name).exists()
    device = name.startswith("/dev/") or name.lower().startswith(_STREAMS)
    if device or (not here and (name == _CAMERA or name.isdecimal())):
        return "camera"
    suffix = Path(name).suffix.lower()
    is_url = "://" in name
    return "video" if suffix in VIDEO_EXTENSIONS - {".gif"} and not is_url else "photo"
