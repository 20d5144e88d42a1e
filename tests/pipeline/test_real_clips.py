"""Clips as cameras, phones and other programs make them, from one end to the other, by ffprobe."""

import json
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import resumable_job

from easyseg.errors import MediaError
from easyseg.pipeline import Job, process_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg to make the clips"),
]

H264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"
TONE = "-f lavfi -i sine=f=440:d=2:r=48000"

CLIPS = {
    "film.mp4": ("24000/1001", f"{TONE} {H264} -c:a aac"),
    "ntsc.mkv": ("30000/1001", f"{TONE} {H264} -c:a libopus"),
    "silent.mp4": ("25", H264),
    "two.mp4": ("25", f"{TONE} {TONE} {H264} -c:a aac -map 0 -map 1 -map 2"),
    "ten_bit.mp4": ("25", f"{TONE} -c:v libx264 -pix_fmt yuv420p10le -c:a aac"),
    "web.webm": ("25", f"{TONE} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"),
    "high.mp4": ("25", f"{TONE} -c:v libx265 -x265-params log-level=none -c:a aac"),
    "stream.ts": ("25", f"{TONE} {H264} -c:a aac"),
    "open.mp4": ("25", f"{TONE} {H264} -bf 3 -x264-params open-gop=1:keyint=12 -c:a aac"),
    "late.mp4": ("25", f"-itsoffset 0.5 {TONE} {H264} -c:a aac"),
    "phone.mp4": ("30", f"{TONE} {H264} -c:a aac"),
}
"""Rate, and what comes after the picture on ffmpeg's command line."""


def make(path: Path, rate: str, arguments: str) -> Path:
    picture = f"ffmpeg -v error -y -f lavfi -i testsrc2=s=160x90:r={rate}:d=2"
    subprocess.run([*picture.split(), *arguments.split(), str(path)], check=True)
    if path.stem == "phone":  # held upright
        lying = path.rename(path.with_name("lying.mp4"))
        turn = "-c copy -metadata:s:v:0 rotate=90"
        subprocess.run(["ffmpeg", "-v", "error", "-i", lying, *turn.split(), path], check=True)
        lying.unlink()
    return path


def probe(path: Path) -> tuple[list[dict[str, object]], float]:
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-count_packets", "-of",
         "json", str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    streams = [
        {
            "type": stream["codec_type"],
            "codec": stream["codec_name"] if stream["codec_type"] != "video" else None,
            "packets": int(stream["nb_read_packets"]),
            "rate": stream["r_frame_rate"] if stream["codec_type"] == "video" else None,
        }
        for stream in found["streams"]
    ]
    return streams, float(found["format"]["duration"])


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("resumable", [False, True])
def test_duration_rate_and_packets_are_those_of_the_source(tmp_path, name, resumable):
    source = make(tmp_path / name, *CLIPS[name])
    target = tmp_path / f"out{source.suffix if source.suffix != '.ts' else '.mp4'}"
    segmenter = resumable_job.TinySegmenter()
    job = Job(resume=resumable, progress=False)
    summary = process_file(source, target, segmenter, lambda r: r.overlay(legend=False), job)
    before, after = probe(source), probe(target)
    assert after[0] == before[0]
    assert after[1] == pytest.approx(before[1], abs=0.05)
    assert summary.frames == before[0][0]["packets"]
    if name == "phone.mp4":
        assert summary.last.shape == (160, 90)
    assert {path.name for path in tmp_path.iterdir()} == {source.name, target.name}


def test_a_file_without_its_index_is_an_error(tmp_path):
    whole = make(tmp_path / "whole.mp4", *CLIPS["film.mp4"])
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[:20_000])
    with pytest.raises(MediaError, match=r"cut\.mp4"):
        process_file(
            tmp_path / "cut.mp4", tmp_path / "o.mp4", resumable_job.TinySegmenter(), lambda r: r
        )
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_the_length(tmp_path):
    """Ten minutes of a small picture; what is held after two must be enough for the rest."""
    source = tmp_path / "long.mp4"
    picture = "ffmpeg -v error -y -f lavfi -i testsrc2=s=64x48:r=25:d=600"
    sound = "-f lavfi -i sine=f=440:d=600"
    subprocess.run([*f"{picture} {sound} {H264} -c:a aac".split(), str(source)], check=True)
    held = {}

    def on_frame(index, time, result):
        if index % 1000 == 0:
            held[index] = int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    job = Job(on_frame=on_frame, resume=True, progress=False)
    draw = resumable_job.TinySegmenter()
    process_file(source, tmp_path / "o.mp4", draw, lambda r: r.image, job)
    assert max(held.values()) - held[3000] < 30e6
    assert Fraction(probe(tmp_path / "o.mp4")[0][0]["rate"]) == 25
