"""Reading videos."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from easyseg.errors import InputError, MediaError
from easyseg.videos.source import VideoSource

FILM = Fraction(30000, 1001)


def greys(frames) -> list[int]:
    """The number of each frame, read from its grey value."""
    return [round(float(frame.image.mean()) / 8) for frame in frames]


def test_all_frames_come_in_order_with_exact_times(clips):
    with VideoSource(clips("silent.mp4")) as source:
        frames = list(source)
    assert greys(frames) == [n % 30 for n in range(30)]
    assert [frame.time for frame in frames] == [n / FILM for n in range(30)]
    assert [frame.index for frame in frames] == list(range(30))
    assert frames[0].image.shape == (120, 160, 3)
    assert frames[0].image.dtype == np.uint8


def test_what_the_file_says_of_itself(clips):
    with VideoSource(clips("two_tracks.mkv")) as source:
        info = source.info
    assert (info.width, info.height, info.orientation) == (160, 120, 1)
    assert info.audio == ("aac", "opus")
    assert info.codec == "h264"
    assert round(info.rate, 2) == round(FILM, 2)
    assert info.duration == pytest.approx(1.0, abs=0.1)


def test_a_source_can_be_read_twice(clips):
    with VideoSource(clips("aac.mp4")) as source:
        first, second = list(source), list(source)
    assert [frame.time for frame in first] == [frame.time for frame in second]
    assert len(first) == 30


def test_variable_rates_keep_their_times(clips):
    with VideoSource(clips("variable.mp4")) as source:
        times = [frame.time * 30 for frame in source]
    assert times == [0, 1, 2, 6, 7, 20, 21, 40]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"start": 0.5}, list(range(15, 30))),
        ({"end": 0.2}, list(range(6))),
        ({"start": 0.2, "end": 0.4}, list(range(6, 12))),
        ({"stride": 10}, [0, 10, 20]),
        ({"max_frames": 3}, [0, 1, 2]),
        ({"start": 0.5, "stride": 4, "max_frames": 2}, [15, 19]),
        ({"start": 99}, []),
    ],
)
def test_ranges(clips, options, wanted):
    with VideoSource(clips("silent.mp4"), **options) as source:
        assert greys(source) == wanted
        assert source.expected_frames == len(wanted)


@pytest.mark.parametrize(
    ("options", "ended"), [({}, True), ({"end": 0.2}, False), ({"max_frames": 3}, False)]
)
def test_a_source_knows_whether_it_came_to_its_end(clips, options, ended):
    with VideoSource(clips("silent.mp4"), **options) as source:
        assert not source.ended
        list(source)
        assert source.ended == ended


@pytest.mark.parametrize(
    ("name", "shape", "count"),
    [
        ("odd.mkv", (121, 163, 3), 30),
        ("ten_bit.mp4", (120, 160, 3), 30),
        ("opus.webm", (120, 160, 3), 30),
        ("one.mp4", (120, 160, 3), 1),
    ],
)
def test_kinds_of_clips(clips, name, shape, count):
    with VideoSource(clips(name)) as source:
        frames = list(source)
    assert len(frames) == count
    assert {frame.image.shape for frame in frames} == {shape}
    assert greys(frames) == list(range(count))


def test_a_gif_is_a_video(tmp_path: Path):
    from PIL import Image

    pages = [Image.new("RGB", (32, 24), (8 * n, 8 * n, 8 * n)) for n in range(5)]
    pages[0].save(tmp_path / "a.gif", save_all=True, append_images=pages[1:], duration=70)
    with VideoSource(tmp_path / "a.gif") as source:
        frames = list(source)
    assert [frame.time for frame in frames] == [Fraction(7 * n, 100) for n in range(5)]
    assert greys(frames) == list(range(5))


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg to set the rotation tag")
def test_rotated_clips_are_shown_upright(tmp_path: Path):
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48] = 255  # the top left quarter of what the sensor saw
    with av.open(str(tmp_path / "plain.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    rotated = tmp_path / "rotated.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(tmp_path / "plain.mp4"), "-c", "copy",
         "-metadata:s:v:0", "rotate=90", str(rotated)], check=True,
    )  # fmt: skip
    shown = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(rotated), "-frames:v", "1", "-f", "rawvideo",
         "-pix_fmt", "rgb24", "-"], check=True, capture_output=True,
    ).stdout  # fmt: skip
    with VideoSource(rotated) as source:
        frame = next(iter(source))
        assert (source.info.width, source.info.height) == (64, 96)
    assert frame.image.shape == (96, 64, 3)
    reference = np.frombuffer(shown, np.uint8).reshape(96, 64, 3)
    assert np.abs(frame.image.astype(int) - reference).mean() < 3


def test_a_truncated_file_gives_what_is_there(clips, tmp_path: Path):
    data = clips("two_tracks.mkv").read_bytes()
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(data[: len(data) // 2])
    with VideoSource(broken) as source:
        frames = list(source)
    assert 0 < len(frames) <= 30
    assert greys(frames) == list(range(len(frames)))


def test_damaged_packets_are_skipped(clips, tmp_path: Path):
    data = bytearray(clips("silent.mp4").read_bytes())
    start = data.index(b"mdat") + 1200
    data[start : start + 120] = bytes(range(120))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    with VideoSource(broken) as source:
        assert 0 < len(list(source)) <= 30


def test_a_clip_without_a_frame_gives_none(clips):
    with pytest.raises(MediaError, match=r"none\.mp4"):
        VideoSource(clips("none.mp4"))


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "empty", "sound"])
def test_what_is_no_video_is_an_error_with_the_path(tmp_path: Path, kind: str):
    path = tmp_path / "what.mp4"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("hello")
    elif kind == "empty":
        path.touch()
    elif kind == "sound":
        with av.open(str(path), "w") as output:
            track = output.add_stream("aac", rate=48000, layout="mono")
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
            sound.sample_rate = 48000
            output.mux(track.encode(sound))
            output.mux(track.encode(None))
    with pytest.raises(MediaError, match=r"what\.mp4"):
        VideoSource(path)


@pytest.mark.parametrize(
    "options",
    [
        {"start": -1}, {"start": float("nan")}, {"end": 0}, {"start": 2, "end": 1}, {"stride": 0},
        {"stride": 1.5}, {"max_frames": 0}, {"max_frames": True}, {"start": "now"},
    ],
)  # fmt: skip
def test_ranges_that_make_no_sense(clips, options):
    with pytest.raises(InputError, match="must"):
        VideoSource(clips("silent.mp4"), **options)


@pytest.mark.parametrize("size", [(120, 160), (720, 960)])
def test_colours_of_untagged_clips_are_those_that_players_show(tmp_path: Path, size):
    colour = (200, 40, 90)
    red, green, blue = (0.2126, 0.7152, 0.0722) if size[0] >= 720 else (0.299, 0.587, 0.114)
    y = red * colour[0] + green * colour[1] + blue * colour[2]
    planes = (16 + 219 / 255 * y, 128 + 112 / 255 * (colour[2] - y) / (1 - blue),
              128 + 112 / 255 * (colour[0] - y) / (1 - red))  # fmt: skip
    with av.open(str(tmp_path / "a.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], "yuv420p"
        luma, chroma = size[0], size[0] // 2
        stored = np.empty((luma + chroma, size[1]), np.uint8)
        stored[:luma] = round(planes[0])
        stored[luma : luma + chroma // 2] = round(planes[1])
        stored[luma + chroma // 2 :] = round(planes[2])
        frame = av.VideoFrame.from_ndarray(stored, format="yuv420p")
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with VideoSource(tmp_path / "a.mp4") as source:
        (frame,) = source
    assert np.abs(frame.image.reshape(-1, 3).mean(0) - colour).max() < 4
