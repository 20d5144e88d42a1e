"""Segments a short clip: an overlay with its rate kept, the numbers of each frame, a GIF.

Run it with a video of your own, `python examples/video.py clip.mp4`, or without, on a clip that is
made of a sample photograph.
"""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

import easyseg
from easyseg.pictures import image as media
from easyseg.videos.source import VideoInfo
from easyseg.videos.video_sink import VideoSink

HERE = Path(__file__).parent


def make_clip(path: Path) -> Path:
    """Half a second of moving over a photograph."""
    photograph = media.resize(media.read(HERE / "images" / "chelsea.jpg"), (300, 451))
    info = VideoInfo(320, 240, Fraction(24), Fraction(1, 24), 12, 0.5, "none", (), (), 0)
    with VideoSink(path, info) as sink:
        for number in range(12):
            window = photograph[30:270, 10 * number : 10 * number + 320]
            sink.write(np.ascontiguousarray(window), Fraction(number, 24))
    return path


def main() -> None:
    output = Path("output")
    output.mkdir(exist_ok=True)
    clip = Path(sys.argv[1]) if len(sys.argv) > 1 else make_clip(output / "clip.mp4")

    # A video in, a video out: the same rate, the same sound, the classes drawn over each frame.
    summary = easyseg.segment_video(
        clip, output / "segmented.mp4", dataset="voc", model="builtin", smoothing="light",
        statistics=output / "statistics.csv",
    )  # fmt: skip
    print(f"{summary.path}: {summary.frames} frames, {summary.rate:.1f} a second")

    # Every frame's result, as it comes; half of the frames are enough here.
    for number, result in enumerate(easyseg.stream(clip, dataset="voc", model="builtin", stride=2)):
        print(number, {name: round(ratio, 3) for name, ratio in result.ratios.items()})

    # A GIF, through PixelLib's eyes.
    seg = easyseg.semantic_segmentation()
    seg.load_pascalvoc_model("builtin")
    values, _picture = seg.process_video_pascalvoc(
        clip, overlay=True, output_video_name=output / "segmented.gif"
    )
    print(values["class_names"])


if __name__ == "__main__":
    main()
