"""Real clips, made once with PyAV, and a way to look at them that is not ours."""

import json
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

FILM = Fraction(30000, 1001)


def make_clip(
    path: Path,
    *,
    size: tuple[int, int] = (120, 160),
    rate: Fraction = FILM,
    frames: int = 30,
    times: list[Fraction] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    audio: tuple[str, ...] = (),
) -> Path:
    """Writes a clip whose frame n has the grey value 8 n (mod 240), with a tone as its sound."""
    times = times if times is not None else [n / rate for n in range(frames)]
    with av.open(str(path), "w") as output:
        video = output.add_stream(codec, rate=rate)
        video.width, video.height, video.pix_fmt = size[1], size[0], pix_fmt
        video.codec_context.time_base = 1 / rate if "peg" in codec else Fraction(1, 30000)
        tracks = [output.add_stream(name, rate=48000, layout="stereo") for name in audio]
        for number, time in enumerate(times):
            picture = np.full((*size, 3), 8 * number % 240, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time * 30000), Fraction(1, 30000)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        length = times[-1] + 1 / rate if times else Fraction(0)
        for track in tracks:
            tone = np.sin(np.arange(int(length * 48000)) * 0.06).astype(np.float32) * 0.3
            sound = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
            sound.sample_rate, sound.pts = 48000, 0
            output.mux(track.encode(sound))
            output.mux(track.encode(None))
    return path


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Gives a clip by its name, made at its first use."""
    folder = tmp_path_factory.mktemp("clips")
    irregular = [Fraction(n, 30) for n in (0, 1, 2, 6, 7, 20, 21, 40)]
    recipes = {
        "silent.mp4": {},
        "aac.mp4": {"audio": ("aac",)},
        "two_tracks.mkv": {"audio": ("aac", "libopus")},
        "opus.webm": {"codec": "libvpx", "audio": ("libopus",)},
        "pcm.mkv": {"audio": ("pcm_s16le",)},
        "film.mkv": {},
        "variable.mp4": {"times": irregular, "rate": Fraction(30)},
        "odd.mkv": {"size": (121, 163), "pix_fmt": "yuv444p"},
        "ten_bit.mp4": {"pix_fmt": "yuv420p10le"},
        "one.mp4": {"frames": 1},
        "none.mp4": {"times": []},
        "broadcast.ts": {"audio": ("aac",)},
        "camcorder.m2ts": {"audio": ("aac",)},
        "dvd.mpg": {"codec": "mpeg2video", "audio": ("mp2",)},
        "old.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "audio": ("mp2",)},
    }

    def clip(name: str) -> Path:
        path = folder / name
        return path if path.exists() else make_clip(path, **recipes[name])

    return clip


def probe(path: Path) -> dict[str, object]:
    """What ffprobe, or else PyAV, says of a file: a dictionary for each stream, packets counted."""
    if shutil.which("ffprobe"):
        done = subprocess.run(
            ["ffprobe", "-v", "error", "-show_streams", "-count_packets", "-of", "json", str(path)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return {
            "streams": [
                {
                    "type": s["codec_type"],
                    "codec": s["codec_name"],
                    "packets": int(s["nb_read_packets"]),
                    "rate": Fraction(s["r_frame_rate"]) if s["codec_type"] == "video" else None,
                    "pix_fmt": s.get("pix_fmt"),
                    "size": (s.get("height"), s.get("width")),
                }
                for s in json.loads(done.stdout)["streams"]
            ]
        }
    with av.open(str(path)) as container:
        counts = {stream.index: 0 for stream in container.streams}
        for packet in container.demux():
            counts[packet.stream.index] += packet.size > 0
        return {
            "streams": [
                {
                    "type": s.type,
                    "codec": s.codec_context.codec.canonical_name,
                    "packets": counts[s.index],
                    "rate": s.base_rate if s.type == "video" else None,
                    "pix_fmt": s.pix_fmt if s.type == "video" else None,
                    "size": (s.height, s.width) if s.type == "video" else (None, None),
                }
                for s in container.streams
            ]
        }


@pytest.fixture
def streams() -> Callable[[Path], list[dict[str, object]]]:
    """The function that looks at a file."""
    return lambda path: probe(path)["streams"]
