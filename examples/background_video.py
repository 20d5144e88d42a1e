"""Backgrounds that move: behind a video, around a cut-out, and of a live camera.

`python examples/background_video.py clip.mp4` takes a video of your own. Without one, a clip is
made of a sample photograph; a photograph that moves stands in for a webcam, too.
"""

import sys
from pathlib import Path

from video import make_clip
from webcam import MovingPhotograph

import easyseg

HERE = Path(__file__).parent


def main() -> None:
    output = Path("output")
    output.mkdir(exist_ok=True)
    clip = Path(sys.argv[1]) if len(sys.argv) > 1 else make_clip(output / "clip.mp4")

    # Another video behind, which plays over and over; a job that is killed can be gone on with.
    summary = easyseg.change_background_video(
        clip, output / "before_itself.mp4", video=clip, classes="cat", model="builtin", resume=True
    )
    print(f"{summary.path}: {summary.frames} frames")

    # For editing programs: transparent around the cat, ProRes 4444.
    summary = easyseg.change_background_video(
        clip, output / "cat.mov", transparent=True, classes="cat", model="builtin", max_frames=6
    )
    print(f"{summary.path}: {summary.encoder}")

    # Live. Instead of the photograph: 0 for a webcam, or the address of a stream.
    camera = MovingPhotograph(HERE / "images" / "chelsea.jpg")
    live = easyseg.change_background_camera(
        camera, blur="extreme", classes="cat", model="builtin", display="none",
        record=output / "live.mp4", timeout=3.0,
    )  # fmt: skip
    print(f"{live.frames} frames, {live.rate:.1f} a second:", *live.recordings)


if __name__ == "__main__":
    main()
