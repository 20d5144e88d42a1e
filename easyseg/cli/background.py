"""Changes the background of photographs, of a video, or of a live camera."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from easyseg.cli import video
from easyseg.cli.camera import announce
from easyseg.cli.exports import Save
from easyseg.cli.inputs import Picture, find
from easyseg.cli.outputs import folder_of, plan
from easyseg.cli.segment import add_model_arguments, make_segmenter, segment_each, write_picture
from easyseg.errors import InputError

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
    add = parser.add_argument
    add(
        "photos", nargs="+", metavar="INPUT",
        help="photographs: files, folders, quoted patterns, URLs; or a video; or a camera: its "
        "number, a device, the address of a stream (rtsp://), or camera, which is the first",
    )  # fmt: skip
    add(
        "-o", "--output", metavar="OUT",
        help="a file or a folder; without it INPUT_background in the current folder. A transparent "
        "video is a .mov, a .webm, or a folder of PNGs. For a camera: a video to record to",
    )  # fmt: skip
    _add_effects(parser)
    add_model_arguments(parser)
    parser.set_defaults(kind="overlay", export=None)
    add("--json", action="store_true", help="a line of JSON for each file")
    add("-q", "--quiet", action="store_true", help="say nothing but errors")
    _add_frames(parser)


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
    change = _change(options)
    from easyseg.background import choose_dataset

    options.dataset = choose_dataset(options.model, options.dataset, options.classes)
    if kinds == {"photo"}:
        inputs = find(options.photos, leave_out=folder_of(options.output, several=False))
        return segment_each(options, inputs, _Saving(change))
    return (_run_video if kinds == {"video"} else _run_camera)(options, change)


def _add_effects(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is done, one of these")
    effects = group.add_mutually_exclusive_group(required=True)
    strength = {"metavar": "STRENGTH", "nargs": "?", "const": "moderate", "type": _strength}
    effects.add_argument("--blur", help="0 to 1, or low, moderate, extreme", **strength)  # type: ignore[arg-type]
    effects.add_argument("--color", metavar="R,G,B", type=_color, help="a colour, as 0,255,0")
    effects.add_argument("--gray", action="store_true", help="without colours")
    effects.add_argument("--pixelate", help="a mosaic; as for --blur", **strength)  # type: ignore[arg-type]
    effects.add_argument("--image", metavar="FILE", help="another picture")
    effects.add_argument("--video", metavar="FILE", help="a video, repeated as long as needed")
    effects.add_argument("--transparent", action="store_true", help="nothing")
    add = parser.add_argument
    add("--fit", choices=("fill", "fit", "stretch"), default="fill",
        help="how the picture or video is brought to size (default fill)")  # fmt: skip
    add("--invert", action="store_true", help="do it to the classes instead of to the background")
    add("--hard", action="store_true", help="hard edges, as the labels are")


def _add_frames(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("videos and cameras")
    add = group.add_argument
    add(
        "--every-n", metavar="N", type=int, default=1,
        help="show every N-th frame to the network; edges follow the picture between, too",
    )  # fmt: skip
    add(
        "--smoothing", choices=("off", "light", "strong"), default="light",
        help="calm the edges over time (default light)",
    )  # fmt: skip
    add("--stats", metavar="FILE", help="a .csv or .jsonl file for the classes of each frame")
    add("--start", metavar="SECONDS", type=float, help="moment of a video to begin at")
    add("--end", metavar="SECONDS", type=float, help="moment of a video to stop at")
    add("--max-frames", metavar="N", type=int, help="stop after N frames")
    add("--resume", action="store_true",
        help="go on with a video where the same command was killed or interrupted; give it from "
        "the beginning")  # fmt: skip
    add("--no-sound", action="store_true", help="leave a video's sound and subtitles out")
    add("--live", action="store_true",
        help="the input is a live stream although its address begins with http://, as a "
        "photograph's does")  # fmt: skip
    add("--timeout", metavar="SECONDS", type=float, help="end a camera after so long")
    add(
        "--display", choices=("auto", "window", "browser", "none"), default="auto",
        help="where to show a camera's picture",
    )  # fmt: skip
    add("--virtual-camera", action="store_true",
        help="show a camera's picture to other programs as a camera's, too")  # fmt: skip


def _change(options: argparse.Namespace) -> "Change":
    from easyseg.background import Change

    return Change(
        blur=options.blur, color=options.color, gray=options.gray, pixelate=options.pixelate,
        image=options.image, video=options.video, transparent=options.transparent,
        fit=options.fit, classes=options.classes, invert=options.invert, hard=options.hard,
    )  # fmt: skip


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
        label_set = make_segmenter(options).label_set  # from the cache, later
        with self._change.drawing(label_set, frame_clock(None)) as draw:

            def save(index: int, _picture: Picture, result: "Segmentation") -> list[Path]:
                target = targets[index]
                write_picture(target, draw(result))
                return [] if target is None else [target]

            yield save


def _check_transparent(options: argparse.Namespace, targets: list[Path | None]) -> None:
    for target in targets:
        if options.transparent and target and target.suffix.lower() in (".jpg", ".jpeg", ".bmp"):
            raise InputError(f"{target.suffix} knows no transparency: use .png or .webp")


def _run_video(options: argparse.Namespace, change: "Change") -> int:
    from easyseg.background import change_file
    from easyseg.pipeline import Job, Range, Segmenting, identify_model
    from easyseg.videos.encoder import Encoding

    source = options.photos[0]
    drawing = {name: getattr(options, name) for name in video.NETWORK}
    drawing["weights"] = identify_model(options.model)
    ending = f"{ENDING}.mov" if options.transparent else f"{ENDING}.mp4"
    target = options.output or f"{Path(source).stem}{ending}"
    job = Job(
        segmenting=Segmenting(options.every_n, options.smoothing),
        range=Range(options.start, options.end, max_frames=options.max_frames),
        encoding=Encoding(alpha=options.transparent),
        sound=not options.no_sound,
        statistics=options.stats,
        progress=False if options.quiet else None,
        resume=options.resume,
        drawing=drawing,
    )
    summary = change_file(source, target, make_segmenter(options), change, job)
    video.report(options, source, target, summary)
    return 0


def _run_camera(options: argparse.Namespace, change: "Change") -> int:
    from easyseg.background import change_live
    from easyseg.cameras.source import CameraSource
    from easyseg.cameras.virtual_camera import VirtualCamera
    from easyseg.pipeline import Live, Segmenting

    name = options.photos[0]
    live = Live(
        segmenting=Segmenting(options.every_n, options.smoothing),
        display=options.display,
        record=options.output,
        statistics=options.stats,
        announce=announce,
    )
    sinks = [VirtualCamera()] if options.virtual_camera else []
    with CameraSource(
        0 if name == _CAMERA else name, timeout=options.timeout, max_frames=options.max_frames
    ) as source:
        summary = change_live(source, make_segmenter(options), change, live, sinks)
    if sys.stdout is not None and not options.quiet:
        files = [str(path) for path in summary.recordings]
        print("  ".join([*files, f"{summary.frames} frames, {summary.rate:.1f} a second"]))
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


def _strength(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        if text in ("low", "moderate", "extreme"):
            return text
    raise argparse.ArgumentTypeError(
        f"expected a strength, 0 to 1 or low, moderate, extreme, got {text!r} (files come first)"
    )


def _color(text: str) -> tuple[int, ...]:
    try:
        color = tuple(int(part) for part in text.split(","))
    except ValueError:
        color = ()
    if len(color) != 3 or not all(0 <= part <= 255 for part in color):
        raise argparse.ArgumentTypeError(f"expected red,green,blue, as 0,255,0, got {text!r}")
    return color
