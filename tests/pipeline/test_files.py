"""A video in, a video out: order, statistics, and every way to end."""

import csv
import itertools
import json
from pathlib import Path

import av
import numpy as np
import pytest

from easyseg.errors import InputError, MediaError
from easyseg.pipeline import Job, Range, Segmenting, process_file, segment_frames
from easyseg.videos.source import VideoSource


def draw(result):
    return result.image


def numbers(path: Path) -> list[int]:
    with VideoSource(path) as source:
        return [round(float(frame.image.mean()) / 8) for frame in source]


pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def test_all_frames_are_segmented_drawn_and_written_in_order(clip, fake, tmp_path):
    seen = []
    job = Job(on_frame=lambda index, time, result: seen.append((index, time, result.classes[0].id)))
    summary = process_file(clip, tmp_path / "out.mp4", fake(), draw, job)
    assert seen == [(n, pytest.approx(n / 24), n) for n in range(24)]
    assert numbers(tmp_path / "out.mp4") == list(range(24))
    assert (summary.frames, summary.skipped, summary.encoder) == (24, 0, "libx264")
    assert summary.path == tmp_path / "out.mp4"
    assert summary.last.classes[0].id == 23
    assert summary.last.source == str(clip)
    assert summary.rate > 0
    with av.open(str(tmp_path / "out.mp4")) as output:
        assert len(output.streams.audio) == 1


def test_sound_may_be_left_out(clip, fake, tmp_path):
    process_file(clip, tmp_path / "out.mp4", fake(), draw, Job(sound=False))
    with av.open(str(tmp_path / "out.mp4")) as output:
        assert [stream.type for stream in output.streams] == ["video"]


def test_nothing_is_drawn_without_a_target(clip, fake):
    summary = process_file(clip, None, fake(), lambda _: 1 / 0)
    assert (summary.frames, summary.path, summary.encoder) == (24, None, None)


def test_labels_are_reused_between_every_nth_frame(clip, fake, tmp_path):
    segmenter, ids = fake(), []
    job = Job(
        segmenting=Segmenting(every_n=5),
        on_frame=lambda index, time, result: ids.append(result.classes[0].id),
    )
    process_file(clip, tmp_path / "out.mp4", segmenter, draw, job)
    assert segmenter.seen == [0, 5, 10, 15, 20]
    assert ids == [n // 5 * 5 for n in range(24)]
    assert numbers(tmp_path / "out.mp4") == list(range(24))  # the pictures are their own


def test_a_range(clip, fake, tmp_path):
    job = Job(range=Range(start=0.5, stride=3, max_frames=3))
    process_file(clip, tmp_path / "out.mp4", fake(), draw, job)
    assert numbers(tmp_path / "out.mp4") == [12, 15, 18]
    with VideoSource(tmp_path / "out.mp4") as source:
        assert source.info.rate == 8


def test_only_some_classes(clip, fake):
    results = []
    job = Job(segmenting=Segmenting(classes=(3,)), on_frame=lambda *facts: results.append(facts[2]))
    process_file(clip, None, fake(), draw, job)
    assert [n for n, result in enumerate(results) if result.classes] == [3]


def test_statistics_as_a_table(clip, fake, tmp_path):
    process_file(clip, None, fake(), draw, Job(statistics=tmp_path / "s.csv"))
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert rows[12] == {"frame": "12", "time": "0.500000", "class": rows[12]["class"],
                        "ratio": "1.000000"}  # fmt: skip
    assert rows[0]["class"] == "wall"


def test_statistics_as_lines(clip, fake, tmp_path):
    job = Job(statistics=tmp_path / "s.jsonl", range=Range(max_frames=2))
    process_file(clip, None, fake(), draw, job)
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert lines[0] == {"frame": 0, "time": 0.0, "classes": {"wall": 1.0}}
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("where", "error"),
    [("network", RuntimeError), ("draw", ZeroDivisionError), ("callback", KeyError),
     ("interrupt", KeyboardInterrupt)],
)  # fmt: skip
def test_what_was_finished_before_an_error_is_playable(clip, fake, tmp_path, where, error):
    calls = itertools.count()

    def breaking_draw(result):
        if where == "draw" and next(calls) == 10:
            raise ZeroDivisionError
        return result.image

    def on_frame(index, time, result):
        if index == 10 and where == "callback":
            raise KeyError("mine")
        if index == 10 and where == "interrupt":
            raise KeyboardInterrupt

    segmenter = fake(fail_at=10 if where == "network" else None)
    job = Job(on_frame=on_frame, statistics=tmp_path / "s.csv")
    with pytest.raises(error):
        process_file(clip, tmp_path / "out.mp4", segmenter, breaking_draw, job)
    done = numbers(tmp_path / "out.mp4")
    assert done == list(range(10 if where in ("network", "draw") else 11))
    assert {path.name for path in tmp_path.iterdir()} == {"out.mp4", "s.csv"}
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 1 + len(done)


def test_an_encoder_that_fails_ends_everything(clip, fake, tmp_path, disk_full_after):
    disk_full_after(5)
    with pytest.raises(MediaError, match="the disk is full"):
        process_file(clip, tmp_path / "out.mp4", fake(delay=0.001), draw)
    assert numbers(tmp_path / "out.mp4") == list(range(5))


def test_a_network_that_fails_at_once_leaves_no_file(clip, fake, tmp_path):
    with pytest.raises(RuntimeError, match="the network broke"):
        process_file(clip, tmp_path / "out.mp4", fake(fail_at=0), draw)
    assert list(tmp_path.iterdir()) == []


def test_a_consumer_may_stop_early(clip, fake):
    with VideoSource(clip) as source:
        results = segment_frames(source, fake())
        first = [next(results)[0].index for _ in range(3)]
        results.close()
    assert first == [0, 1, 2]


def test_a_generator_may_be_abandoned(clip, fake):
    segmenter = fake()
    with VideoSource(clip) as source:
        for frame, _ in segment_frames(source, segmenter):
            if frame.index == 2:
                break
    assert len(segmenter.seen) < 20


def test_memory_is_flat(fake):
    """However long the film, only a few frames are alive."""
    from easyseg.videos.source import Frame

    alive = []

    def film():
        for number in range(60):
            image = np.full((48, 64, 3), 8 * (number % 24), np.uint8)
            alive.append(image.ctypes.data)
            yield Frame(image, number, number)

    count = 0
    for _frame, _ in segment_frames(film(), fake()):
        count += 1
        assert len(alive) - count < 12
    assert count == 60


def test_a_range_without_a_frame(clip, fake, tmp_path):
    with pytest.raises(MediaError, match=r"clip\.mp4' has no frame"):
        process_file(clip, tmp_path / "o.mp4", fake(), draw, Job(range=Range(start=9)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "job", "error"),
    [
        ("clip.mp4", {}, InputError),
        ("no/out.mp4", {}, MediaError),
        ("out.txt", {}, InputError),
        ("out.mp4", {"statistics": "stats.xls"}, InputError),
        ("out.mp4", {"statistics": "no/folder/s.csv"}, MediaError),
    ],
)
def test_what_cannot_work_is_said_before_it_is_done(clip, fake, tmp_path, target, job, error):
    segmenter = fake()
    path = clip if target == "clip.mp4" else tmp_path / target
    with pytest.raises(error):
        process_file(clip, path, segmenter, draw, Job(**job))
    assert segmenter.seen == []


@pytest.mark.parametrize(
    "options", [{"every_n": 0}, {"every_n": 1.5}, {"every_n": True}, {"smoothing": "much"}]
)
def test_settings_that_make_no_sense(options):
    with pytest.raises(InputError):
        Segmenting(**options)
