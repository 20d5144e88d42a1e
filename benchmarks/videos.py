"""Video files from end to end, and what the pipeline loses against the network alone."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import peers, subjects
from benchmarks.measure import Results, Row, Skipped, rows_of
from benchmarks.peers import PeerError
from benchmarks.photographs import PIXELLIB
from benchmarks.subjects import Settings
from easyseg.engine import Segmenter
from easyseg.pipeline import Job, Range, Segmenting, process_file, segment_frames
from easyseg.pipeline.smoothing import flicker
from easyseg.result import Segmentation
from easyseg.videos.frame_sinks import open_sink
from easyseg.videos.source import VideoSource

PART = "video"
FRAMES = 40
PEER_FRAMES = 1
PEER_ROUNDS = 2
"""So few: PixelLib takes many seconds for a frame."""
ROUNDS = 3
NETWORK = "network alone"


def run(settings: Settings) -> Results:
    """Measures 1280x720 to H.264 with the built-in ADE20K model at 512."""
    clip = subjects.clip(settings.folder, FRAMES)
    target = settings.folder / "out.mp4"
    made, skipped = subjects.segmenters(PART, "builtin", dataset="ade20k", size=512)
    results: Results = [*skipped]
    for way, segmenter in made.items():
        results += _pipeline(way, clip, target, segmenter)
    results += _against_pixellib(made, clip, target, settings)
    return results + _flicker(clip)


def _pipeline(way: str, clip: Path, target: Path, segmenter: Segmenter) -> Results:
    """The network alone, one step after another, and the pipeline."""
    ways: dict[str, Callable[[int], float]] = {
        NETWORK: lambda frames: network_alone(clip, frames, segmenter),
        "one after another": lambda frames: one_after_another(clip, frames, segmenter, target),
        "pipeline": lambda frames: pipeline(clip, frames, segmenter, target),
    }
    for one in ways.values():
        one(6)  # warm up
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, one in ways.items():
            taken[name].append(one(FRAMES))
    return rows_of(PART, f"1280x720, {way}", taken, "frames/s", NETWORK)


def network_alone(clip: Path, frames: int, segmenter: Segmenter) -> float:
    """Frames a second, of the first half of a segmentation only."""
    with VideoSource(clip, max_frames=8) as source:
        images = [frame.image for frame in source]
    start = time.perf_counter()
    for number in range(frames):
        segmenter.predict(images[number % len(images)])
    return frames / (time.perf_counter() - start)


def one_after_another(clip: Path, frames: int, segmenter: Segmenter, target: Path) -> float:
    """Frames a second, without threads."""
    start = time.perf_counter()
    with VideoSource(clip, max_frames=frames) as source:
        sink = open_sink(target, source.info)
        for frame in source:
            sink.write(segmenter(frame.image).overlay(), frame.time)
        sink.close()
    return frames / (time.perf_counter() - start)


def pipeline(clip: Path, frames: int, segmenter: Segmenter, target: Path) -> float:
    """Frames a second, in threads."""
    job = Job(range=Range(max_frames=frames), progress=False)
    return frames / process_file(clip, target, segmenter, Segmentation.overlay, job).seconds


def _against_pixellib(
    made: dict[str, Segmenter], clip: Path, target: Path, settings: Settings
) -> Results:
    short = subjects.clip(settings.folder, PEER_FRAMES)
    with ExitStack() as stack:
        try:
            arguments = ("video", short, settings.folder / "pixellib.mp4")
            peer = stack.enter_context(
                peers.peer(settings.pixellib_python, "pixellib_peer.py", *arguments)
            )
            peer()
        except PeerError as error:
            return [Skipped(PART, PIXELLIB, str(error))]
        taken: dict[str, list[float]] = {PIXELLIB: [], **{way: [] for way in made}}
        for _ in range(PEER_ROUNDS):
            start = time.perf_counter()
            peer()
            taken[PIXELLIB].append(PEER_FRAMES / (time.perf_counter() - start))
            for way, segmenter in made.items():
                taken[way].append(pipeline(clip, FRAMES, segmenter, target))
    return rows_of(PART, "1280x720 to H.264", taken, "frames/s", PIXELLIB)


def _flicker(clip: Path) -> Results:
    """Share of the still pixels whose label changes, with and without smoothing."""
    segmenter = Segmenter("builtin", dataset="voc")
    taken = {name: [flickering(clip, 20, segmenter, name)] for name in ("off", "light", "strong")}
    return [
        Row(PART, "flicker", f"smoothing {name}", 100 * value, "% of still pixels",
            100 * value, 100 * value, 1, "" if name == "off" else "smoothing off",
            taken["off"][0] / max(value, 1e-9) if name != "off" else 1.0)
        for name, (value,) in taken.items()
    ]  # fmt: skip


def flickering(clip: Path, frames: int, segmenter: Segmenter, smoothing: str) -> float:
    """Share of the still pixels whose label changes."""
    labels, images = [], []
    with VideoSource(clip, max_frames=frames) as source:
        for frame, result in segment_frames(source, segmenter, Segmenting(smoothing=smoothing)):
            labels.append(result.labels[::4, ::4])
            images.append(frame.image[::4, ::4])
    return flicker(labels, images)
