"""Frames per second of the network alone, of one step after another, and of the pipeline.

    python benchmarks/video.py [CLIP] [--frames 60] [--model builtin] [--dataset voc]

Without a clip, one of 1920x1080 is made of a sample photograph. The three ways take turns, the
median of three rounds is given. Flicker (the share of still pixels whose label changes from frame
to frame) is measured with and without smoothing.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from easyseg.engine import Segmenter
from easyseg.media import image as media
from easyseg.media.frame_sinks import open_sink
from easyseg.media.video import VideoInfo, VideoSource
from easyseg.media.video_sink import VideoSink
from easyseg.pipeline import Job, Range, Segmenting, process_file, segment_frames
from easyseg.result import Segmentation
from easyseg.smoothing import flicker

PHOTOGRAPH = Path(__file__).resolve().parent.parent / "examples" / "images" / "chelsea.jpg"
ROUNDS = 3


def make_clip(path: Path, frames: int) -> Path:
    """A slow move over a photograph, with the noise of a camera."""
    large = media.resize(media.read(PHOTOGRAPH), (1280, 2120))
    info = VideoInfo(1920, 1080, Fraction(25), Fraction(1, 25), frames, None, "", (), (), 0)
    noise = np.random.default_rng(0)
    with VideoSink(path, info) as sink:
        for number in range(frames):
            window = large[100:1180, number : number + 1920].astype(np.int16)
            window += noise.integers(-3, 4, (1080, 1920, 1), np.int16)
            sink.write(window.clip(0, 255).astype(np.uint8), Fraction(number, 25))
    return path


def network_alone(clip: Path, frames: int, segmenter: Segmenter) -> float:
    """Seconds a frame, for the first half of a segmentation only."""
    with VideoSource(clip, max_frames=8) as source:
        images = [frame.image for frame in source]
    start = time.perf_counter()
    for number in range(frames):
        segmenter.predict(images[number % len(images)])
    return (time.perf_counter() - start) / frames


def one_after_another(clip: Path, frames: int, segmenter: Segmenter, target: Path) -> float:
    """Seconds a frame, without threads."""
    start = time.perf_counter()
    with VideoSource(clip, max_frames=frames) as source:
        sink = open_sink(target, source.info)
        for frame in source:
            sink.write(segmenter(frame.image).overlay(), frame.time)
        sink.close()
    return (time.perf_counter() - start) / frames


def pipeline(clip: Path, frames: int, segmenter: Segmenter, target: Path) -> float:
    """Seconds a frame, in threads."""
    job = Job(range=Range(max_frames=frames), progress=False)
    return process_file(clip, target, segmenter, Segmentation.overlay, job).seconds / frames


def flickering(clip: Path, frames: int, segmenter: Segmenter, smoothing: str) -> float:
    """Share of the still pixels whose label changes."""
    labels, images = [], []
    with VideoSource(clip, max_frames=frames) as source:
        for frame, result in segment_frames(source, segmenter, Segmenting(smoothing=smoothing)):
            labels.append(result.labels[::4, ::4])
            images.append(frame.image[::4, ::4])
    return flicker(labels, images)


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--dataset", default="voc")
    options = parser.parse_args()
    segmenter = Segmenter(options.model, dataset=options.dataset)
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip or make_clip(Path(folder) / "clip.mp4", options.frames)
        target = Path(folder) / "out.mp4"
        ways: dict[str, Callable[[int], float]] = {
            "network alone": lambda n: network_alone(clip, n, segmenter),
            "one after another": lambda n: one_after_another(clip, n, segmenter, target),
            "pipeline": lambda n: pipeline(clip, n, segmenter, target),
        }
        for way in ways.values():
            way(4)  # warm up
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                taken[name].append(way(options.frames))
        facts = {
            "machine": platform.processor() or platform.machine(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "model": segmenter.name,
            "frames_per_second": {
                name: round(1 / statistics.median(seconds), 2) for name, seconds in taken.items()
            },
            "flicker": {
                strength: round(flickering(clip, min(options.frames, 30), segmenter, strength), 5)
                for strength in ("off", "light", "strong")
            },
        }
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
