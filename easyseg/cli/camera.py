"""Segments a webcam or a stream live, and shows or records it."""

import argparse
import json
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from easyseg.cli.segment import add_drawing_arguments, add_model_arguments
from easyseg.cli.video import add_frame_arguments

if TYPE_CHECKING:
    from easyseg.pipeline import LiveSummary

_EPILOG = """\
keys, in the window and on the page: q or Esc quits, space pauses, o goes from overlay to colours to
photo, l is the legend, + and - the share of colour, [ and ] choose a class to be alone, s writes a
snapshot and r a recording into the current folder.

easyseg camera                                    the first webcam, in a window
easyseg camera rtsp://host/stream --record out.mp4 --display none --timeout 60
easyseg camera http://host:8080/video --dataset voc --display browser"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.epilog = _EPILOG
    add = parser.add_argument
    add(
        "source", nargs="?", default="0", metavar="SOURCE",
        help="a camera's number (0, the default, is the first), a device such as /dev/video2, the "
        "address of a stream (rtsp://, http://, udp://), or a video file, which plays at its own "
        "speed",
    )  # fmt: skip
    add("--record", metavar="OUT", help="a .mp4, .mov, .mkv, .webm or .gif to record to")
    add(
        "--display", choices=("auto", "window", "browser", "none"), default="auto",
        help="where to show it; auto is a window, or a page on 127.0.0.1 where there is no screen",
    )  # fmt: skip
    add_model_arguments(parser, live=True)
    add_drawing_arguments(parser)
    add(
        "--rate", metavar="FPS", type=float, default=15.0,
        help="frames a second that --size auto is to reach (default 15)",
    )  # fmt: skip
    add_frame_arguments(parser)
    parser.set_defaults(smoothing="light")
    add(
        "--stats", metavar="FILE",
        help="write the share of each class in each frame to a .csv or .jsonl file, too",
    )  # fmt: skip
    add("--timeout", metavar="SECONDS", type=float, help="stop after so long")
    add("--max-frames", metavar="N", type=int, help="stop after N frames")
    add("--json", action="store_true", help="a line of JSON at the end instead of the report")
    add("-q", "--quiet", action="store_true", help="say nothing but errors")


def run(options: argparse.Namespace) -> int:
    """Runs the camera until it ends.

    Returns:
        0.

    Raises:
        InputError: If an option makes no sense.
        MediaError: If the camera cannot be opened, or something cannot be shown or written.
        ModelError: If the model cannot be loaded.
    """
    _end_politely_when_killed()
    from easyseg.cli.segment import interrupts_wait

    with interrupts_wait():
        from easyseg.camera import segment_camera

    summary = segment_camera(
        options.source,
        dataset=options.dataset, model=options.model, classes=options.classes,
        device=options.device, precision=options.precision, backend=options.backend,
        size=options.size, rate=options.rate, output_stride=options.output_stride,
        every_n=options.every_n, smoothing=options.smoothing, alpha=options.alpha,
        legend=not options.no_legend, outline=not options.no_outline, display=options.display,
        title=f"easyseg {options.source}", announce=announce, record=options.record,
        statistics=options.stats, timeout=options.timeout, max_frames=options.max_frames,
    )  # fmt: skip
    _report(options, summary)
    return 0


def announce(address: str) -> None:
    """Tells where the live picture is; not on the standard output, which may be JSON's."""
    print(
        f"easyseg: the live picture is at {address} (Ctrl-C ends it)", file=sys.stderr, flush=True
    )


def _report(options: argparse.Namespace, summary: "LiveSummary") -> None:
    if sys.stdout is None or (options.quiet and not options.json):
        return
    if options.json:
        facts: dict[str, Any] = {
            "source": options.source, "model": summary.last.model, "frames": summary.frames,
            "dropped": summary.dropped, "losses": summary.losses,
            "rate": round(summary.rate, 2), "latency": round(summary.latency, 4),
            "size": summary.size, "recordings": [str(path) for path in summary.recordings],
        }  # fmt: skip
        print(json.dumps(facts), flush=True)
        return
    line = (
        f"{summary.frames} frames, {summary.rate:.1f} a second, "
        f"{1000 * summary.latency:.0f} ms behind life"
    )
    if summary.size is not None:
        line += f", {summary.size} pixels"
    print("  ".join([*(str(path) for path in summary.recordings), line]), flush=True)


def _end_politely_when_killed() -> None:
    """Lets `kill`, and the end of a service, complete the recording as Ctrl-C does."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
