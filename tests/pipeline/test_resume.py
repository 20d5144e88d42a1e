"""Jobs that are killed and go on: the result is that of a job that was not."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import filelock
import numpy as np
import pytest
import resumable_job

from easyseg.errors import InputError, MediaError
from easyseg.pictures import image as media
from easyseg.pipeline import Job, process_file, resume
from easyseg.videos.source import VideoSource
from easyseg.videos.video_sink import Encoding

KILLED = -9


@pytest.fixture(scope="module")
def lively(tmp_path_factory) -> Path:
    """Sixty frames of drifting colours at an uneven rhythm, with sound."""
    path = tmp_path_factory.mktemp("lively") / "in.mp4"
    colours = np.random.default_rng(3).integers(0, 255, (5, 9, 3), np.uint8)
    wall = media.resize(colours, (60, 160), "bicubic")
    noise = np.random.default_rng(4)
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=Fraction(30000, 1001), options={"g": "12"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, 30000)
        sound = output.add_stream("aac", rate=48000, layout="mono")
        for number in range(60):
            window = wall[6:54, number : number + 64].astype(np.int16)
            picture = (window + noise.integers(-20, 20, window.shape)).clip(0, 255)
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = number * 1001 + 400 * (number % 3), Fraction(1, 30000)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        tone = av.AudioFrame.from_ndarray(
            np.sin(np.arange(96000, dtype=np.float32) * 0.05)[None], "fltp", "mono"
        )
        tone.sample_rate, tone.pts = 48000, 0
        output.mux(sound.encode(tone))
        output.mux(sound.encode(None))
    return path


def packets(path: Path) -> list[tuple[object, ...]]:
    """All that is in a file, but the order in which its streams alternate."""
    with av.open(str(path)) as container:
        found = [
            (p.stream.index, p.dts, p.pts, p.is_keyframe, bytes(p))
            for p in container.demux()
            if p.size
        ]
    return sorted(found, key=lambda packet: packet[0])


def assert_same(made: Path, wanted: Path) -> None:
    """Pictures are equal to the byte, as sound is; H.264's threads do not always decide the same.

    Two unbroken jobs differ as much; the noise in `lively` makes the frame after another by 13.
    """
    if wanted.is_dir():
        assert sorted(file.name for file in made.iterdir()) == sorted(
            file.name for file in wanted.iterdir()
        )
        for file in wanted.iterdir():
            assert (made / file.name).read_bytes() == file.read_bytes()
        return
    if wanted.suffix == ".png":
        assert made.read_bytes() == wanted.read_bytes()
        return
    ours, theirs = packets(made), packets(wanted)
    assert [packet[:4] for packet in ours] == [packet[:4] for packet in theirs]
    assert [p for p in ours if p[0]] == [p for p in theirs if p[0]]
    with VideoSource(made) as first, VideoSource(wanted) as second:
        for a, b in zip(first, second, strict=True):
            assert a.time == b.time
            assert np.abs(a.image.astype(int) - b.image).mean() < 6


def interrupted(source: Path, target, after: int, **options) -> None:
    """Does a part of a job, and is then interrupted as by Ctrl-C."""

    def on_frame(index, time, result):
        nonlocal after
        after -= 1
        if after == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resumable_job.run(str(source), str(target), on_frame=on_frame, **options)


def kill(source: Path, target: Path, kill_at: int, **options) -> None:
    """Does a part of a job in another process, which is then killed by SIGKILL."""
    asked = {"source": str(source), "target": str(target), "kill_at": kill_at, **options}
    done = subprocess.run(
        [sys.executable, resumable_job.__file__, json.dumps(asked)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == KILLED, done.stderr


@pytest.fixture(autouse=True)
def section(monkeypatch):
    """Puts the length of a section back, which the job sets."""
    monkeypatch.setattr(resume, "SECTION", resume.SECTION)


def slow(*values: object):
    return pytest.param(*values, marks=pytest.mark.slow)


SMOOTH = {"segmenting": {"smoothing": "strong", "every_n": 3}}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_job_gives_the_same_file_in_the_end(lively, tmp_path):
    whole, target = tmp_path / "whole.mp4", tmp_path / "target.mp4"
    resumable_job.run(str(lively), str(whole), statistics=str(tmp_path / "whole.csv"), **SMOOTH)
    options = {"statistics": str(tmp_path / "target.csv"), **SMOOTH}
    kill(lively, target, 31, **options)
    assert not target.exists()
    summary = resumable_job.run(str(lively), str(target), **options)
    assert summary.frames == 60
    assert summary.resumed in (18, 27)  # as far as writing was behind drawing
    assert target.read_bytes() == whole.read_bytes()
    assert (tmp_path / "target.csv").read_text() == (tmp_path / "whole.csv").read_text()
    names = {"whole.mp4", "whole.csv", "target.mp4", "target.csv"}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("name", ["target.webm", "target.mkv", "target.avi", "frames/"])
def test_a_job_may_be_killed_again_and_again(lively, tmp_path, name):
    whole, target = f"{tmp_path}/whole/{name}", f"{tmp_path}/{name}"
    (tmp_path / "whole").mkdir()
    resumable_job.run(str(lively), whole, **SMOOTH)
    for kill_at in (5, 14, 12, 40):
        kill(lively, target, kill_at, **SMOOTH)
    assert resumable_job.run(str(lively), target, **SMOOTH).resumed > 27
    assert_same(Path(target), Path(whole))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("o.mp4", SMOOTH),
        slow("o.mov", {"range": {"start": 0.3, "stride": 2}, "sound": False}),
        ("o.mkv", {"range": {"max_frames": 40}}),
        ("o.webm", {"range": {"end": 1.4}}),
        slow("o.avi", {}),
        slow("o.mp4", {"frames_per_second": 12}),
        slow("o.mp4", {"encoding": {"encoder": "mpeg4"}}),
        ("frames/", {}),
        slow("%03d.png", {"range": {"stride": 2}}),
    ],
)
def test_an_interrupted_job_gives_the_same_in_the_end(lively, tmp_path, name, options):
    for folder in ("whole", "parts"):
        (tmp_path / folder).mkdir()
    resumable_job.run(str(lively), f"{tmp_path}/whole/{name}", **options)
    target = f"{tmp_path}/parts/{name}"
    interrupted(lively, target, 20, **options)
    interrupted(lively, target, 9, **options)
    seen = []
    summary = resumable_job.run(
        str(lively), target, on_frame=lambda index, time, _: seen.append((index, time)), **options
    )
    assert summary.resumed == summary.frames - len(seen) > 8
    made = [path.relative_to(tmp_path / "parts") for path in (tmp_path / "parts").rglob("*")]
    wanted = [path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*")]
    assert sorted(made) == sorted(wanted)
    for path in wanted:
        if path.suffix:
            assert_same(tmp_path / "parts" / path, tmp_path / "whole" / path)


def test_it_differs_from_a_job_without_resume_by_its_key_frames_only(lively, tmp_path):
    plain, made = tmp_path / "plain.mp4", tmp_path / "made.mp4"
    resumable_job.run(str(lively), str(made), encoding={"crf": 1})
    job = Job(encoding=Encoding(crf=1))
    segmenter = resumable_job.TinySegmenter()
    process_file(lively, plain, segmenter, lambda result: result.overlay(legend=False), job)
    with VideoSource(plain) as first, VideoSource(made) as second:
        pairs = list(zip(first, second, strict=True))
    assert [a.time for a, _ in pairs] == [b.time for _, b in pairs]
    assert max(np.abs(a.image.astype(int) - b.image).mean() for a, b in pairs) < 2
    sound = [[p for p in packets(path) if p[0] == 1] for path in (plain, made)]
    assert sound[0] == sound[1]
    keys = [sum(p[3] for p in packets(path) if p[0] == 0) for path in (plain, made)]
    assert keys == [1, 8]


def test_what_was_finished_is_playable_meanwhile(lively, tmp_path):
    interrupted(lively, tmp_path / "o.mp4", 21)
    with VideoSource(tmp_path / "o.mp4") as source:
        assert sum(1 for _ in source) == 21
    assert sorted(path.name for path in tmp_path.iterdir()) == [".o.mp4.resume", "o.mp4"]


def test_a_table_alone_can_be_resumed(lively, tmp_path):
    table = tmp_path / "t.jsonl"
    resumable_job.run(str(lively), None, statistics=str(tmp_path / "whole.jsonl"), **SMOOTH)
    with pytest.raises(RuntimeError):
        resumable_job.run(str(lively), None, statistics=str(table), on_frame=fail_at(40), **SMOOTH)
    assert resumable_job.run(str(lively), None, statistics=str(table), **SMOOTH).resumed == 36
    assert table.read_text() == (tmp_path / "whole.jsonl").read_text()


def fail_at(number: int):
    def on_frame(index, time, result):
        if index == number:
            raise RuntimeError

    return on_frame


def test_a_job_that_finished_nothing_leaves_nothing(lively, tmp_path):
    with pytest.raises(RuntimeError):
        resumable_job.run(str(lively), str(tmp_path / "o.mp4"), on_frame=fail_at(0))
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]  # its one frame


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segmenting": {"every_n": 2}}, "every_n was 1 and is 2"),
        ({"range": {"end": 1.0}}, "end was None and is 1.0"),
        ({"encoding": {"crf": 30}}, "crf was None and is 30"),
        ({"drawing": {"alpha": 0.5}}, "alpha was None and is 0.5"),
        ({"sound": False}, "sound was True and is False"),
    ],
)
def test_other_settings_are_refused(lively, tmp_path, options, message):
    target = str(tmp_path / "o.mp4")
    interrupted(lively, target, 20)
    with pytest.raises(MediaError, match=message) as caught:
        resumable_job.run(str(lively), target, **options)
    assert str(tmp_path / ".o.mp4.resume") in str(caught.value)
    assert resumable_job.run(str(lively), target).frames == 60


def test_another_source_is_refused(lively, tmp_path):
    source = tmp_path / "in.mp4"
    source.write_bytes(lively.read_bytes())
    interrupted(source, tmp_path / "o.mp4", 20)
    os.utime(source, (1, 1))
    with pytest.raises(MediaError, match="source was"):
        resumable_job.run(str(source), str(tmp_path / "o.mp4"))


@pytest.mark.parametrize("what", ["facts", "packets", "table", "past"])
def test_what_is_damaged_is_said(lively, tmp_path, what):
    options = {"statistics": str(tmp_path / "t.csv"), **SMOOTH}
    interrupted(lively, tmp_path / "o.mp4", 20, **options)
    folder = tmp_path / ".o.mp4.resume"
    if what == "facts":
        (folder / "job.json").write_text("{")
    elif what == "packets":
        os.truncate(folder / "packets", 100)
    elif what == "table":
        (tmp_path / "t.csv").unlink()
    else:
        next(folder.glob("past-*.npz")).write_bytes(b"PK")
    with pytest.raises(MediaError, match=r"damaged|shorter"):
        resumable_job.run(str(lively), str(tmp_path / "o.mp4"), **options)
    assert (folder / "job.json").exists()


def test_two_processes_do_not_share_a_job(lively, tmp_path):
    folder = tmp_path / ".o.mp4.resume"
    folder.mkdir()
    with filelock.FileLock(folder / "lock"), pytest.raises(MediaError, match="another process"):
        resumable_job.run(str(lively), str(tmp_path / "o.mp4"))
    assert resumable_job.run(str(lively), str(tmp_path / "o.mp4")).frames == 60
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ("o.gif", InputError, "cannot be resumed"),
        ("o.mov", InputError, "transparent video cannot"),
        (None, InputError, "needs a target"),
        ("o.txt", InputError, "must end in"),
        ("no/o.mp4", MediaError, "no/"),
    ],
)
def test_what_cannot_be_resumed(lively, tmp_path, target, error, message):
    with pytest.raises(error, match=message):
        resumable_job.run(
            str(lively), None if target is None else f"{tmp_path}/{target}",
            encoding={"alpha": target == "o.mov"},
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []
