"""Segments a webcam or a stream live, and shows or records it."""

import argparse
import json
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from easyseg.cli import work
from easyseg.cli.flags import add_flags, chosen
from easyseg.files.shown import visible
from easyseg.options import CameraOptions, QualityOptions, pick

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
    parser.add_argument(
        "source", nargs="?", default="0", metavar="SOURCE",
        help="a camera's number (0, the default, is the first), a device such as /dev/video2, the "
        "address of a stream (rtsp://, http://, udp://), or a video file, which plays at its own "
        "speed",
    )  # fmt: skip
    work.add_common(parser, json="a line of JSON at the end instead of the report")
    add_flags(parser, CameraOptions, QualityOptions, smoothing="light")


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
    with work.interrupts_wait():
        from easyseg.camera import segment_camera

    choices = chosen(options, CameraOptions)
    choices |= {"title": f"easyseg {options.source}", "announce": announce}
    summary = segment_camera(options.source, **pick(CameraOptions, choices))
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
    print(visible("  ".join([*map(str, summary.recordings), line])), flush=True)


def _end_politely_when_killed() -> None:
    """Lets `kill`, and the end of a service, complete the recording as Ctrl-C does."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
