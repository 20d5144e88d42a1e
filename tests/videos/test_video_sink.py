"""Writing videos: what comes out is looked at with ffprobe where it is there."""

import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from easyseg.errors import InputError, MediaError
from easyseg.videos import encoder as video_encoder
from easyseg.videos.source import VideoSource
from easyseg.videos.video_sink import Encoding, VideoSink

FILM = Fraction(30000, 1001)


def copy(path: Path, target: Path, *, sound: bool = True, **options) -> VideoSink:
    """Sends a clip through a source and a sink."""
    with VideoSource(path, **options) as source:
        sink = VideoSink(
            target, source.info, copy_from=path if sound else None, end=options.get("end")
        )
        for frame in source:
            sink.write(frame.image, frame.time)
        sink.close(cut=not source.ended)
    return sink


def packets(streams, kind: str) -> list[int]:
    return [s["packets"] for s in streams if s["type"] == kind]


def times(path: Path) -> list[Fraction]:
    with VideoSource(path) as source:
        return [frame.time for frame in source]


@pytest.mark.parametrize(
    ("name", "target", "video", "audio"),
    [
        ("silent.mp4", "out.mp4", "h264", []),
        ("aac.mp4", "out.mp4", "h264", ["aac"]),
        ("aac.mp4", "out.mov", "h264", ["aac"]),
        ("two_tracks.mkv", "out.mkv", "h264", ["aac", "opus"]),
        ("two_tracks.mkv", "out.MP4", "h264", ["aac", "opus"]),
        ("pcm.mkv", "out.mkv", "h264", ["pcm_s16le"]),
        ("opus.webm", "out.webm", "vp9", ["opus"]),
    ],
)
def test_sound_is_copied_packet_by_packet(clips, streams, tmp_path, name, target, video, audio):
    sink = copy(clips(name), tmp_path / target)
    before, after = streams(clips(name)), streams(tmp_path / target)
    assert [s["codec"] for s in after] == [video, *audio]
    assert packets(after, "video") == [30]
    assert packets(after, "audio") == packets(before, "audio")
    assert after[0]["pix_fmt"] == "yuv420p"
    assert sink.frames == 30
    assert [path.name for path in tmp_path.iterdir()] == [target]


@pytest.mark.parametrize(
    ("name", "target", "audio"),
    [
        ("aac.mp4", "out.webm", ["opus"]),
        ("two_tracks.mkv", "out.webm", ["opus", "opus"]),
        ("pcm.mkv", "out.mp4", ["aac"]),
        ("opus.webm", "out.avi", ["ac3"]),
    ],
)
def test_sound_that_does_not_fit_is_coded_anew(clips, streams, tmp_path, name, target, audio):
    copy(clips(name), tmp_path / target)
    assert [s["codec"] for s in streams(tmp_path / target) if s["type"] == "audio"] == audio
    with av.open(str(tmp_path / target)) as container:
        sound = container.streams.audio[0]
        parts = [part.to_ndarray().astype(float) for part in container.decode(sound)]
        rate = sound.rate
    assert sum(part.shape[-1] for part in parts) / rate == pytest.approx(1.0, abs=0.12)
    assert max(np.abs(part).max() for part in parts) > 0.2  # it is not silence


def test_the_film_rate_stays_exact(clips, streams, tmp_path):
    for name in ("silent.mp4", "film.mkv"):
        copy(clips(name), tmp_path / "out.mp4")
        assert streams(tmp_path / "out.mp4")[0]["rate"] == FILM
        assert times(tmp_path / "out.mp4") == [n / FILM for n in range(30)]


def test_variable_rates_are_kept(clips, tmp_path):
    copy(clips("variable.mp4"), tmp_path / "out.mp4")
    assert times(tmp_path / "out.mp4") == times(clips("variable.mp4"))


@pytest.mark.parametrize(
    ("options", "frames", "length"),
    [
        ({"start": 0.5}, 15, 0.5),
        ({"end": 0.5}, 15, 0.5),
        ({"max_frames": 6}, 6, 0.2),
        ({"stride": 3}, 10, 1.0),
    ],
)
def test_sound_is_cut_with_the_picture(clips, streams, tmp_path, options, frames, length):
    copy(clips("aac.mp4"), tmp_path / "out.mp4", **options)
    after = streams(tmp_path / "out.mp4")
    assert packets(after, "video") == [frames]
    assert packets(after, "audio")[0] * 1024 / 48000 == pytest.approx(length, abs=0.07)
    assert times(tmp_path / "out.mp4")[0] == 0


def test_odd_sizes_lose_a_line(clips, streams, tmp_path):
    copy(clips("odd.mkv"), tmp_path / "out.mp4")
    assert streams(tmp_path / "out.mp4")[0]["size"] == (120, 162)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 3)])
def test_tiny_pictures(clips, tmp_path, size):
    with (
        VideoSource(clips("one.mp4")) as source,
        VideoSink(tmp_path / "out.mp4", source.info) as sink,
    ):
        sink.write(np.full((*size, 3), 200, np.uint8), Fraction(0))
    with VideoSource(tmp_path / "out.mp4") as source:
        (frame,) = source
    assert frame.image.shape == (max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2), 3)
    assert np.abs(frame.image.astype(int) - 200).max() < 8


@pytest.mark.parametrize("size", [(120, 160), (720, 960)])
def test_colours_survive(clips, tmp_path, size):
    colour = (200, 40, 90)
    with VideoSource(clips("one.mp4")) as source:
        info = source.info
    with VideoSink(tmp_path / "out.mp4", info) as sink:
        sink.write(np.full((*size, 3), colour, np.uint8), Fraction(0))
    with VideoSource(tmp_path / "out.mp4") as source:
        (frame,) = source
    assert np.abs(frame.image.reshape(-1, 3).mean(0) - colour).max() < 6
    with av.open(str(tmp_path / "out.mp4")) as container:
        picture = next(container.decode(video=0))
        space = 1 if size[0] >= 720 else 5  # BT.709, BT.601
        assert (picture.colorspace, picture.color_range) == (space, 1)
        # The stored values are those that the tag promises: Y of this colour, by each norm.
        red, green, blue = (0.2126, 0.7152, 0.0722) if space == 1 else (0.299, 0.587, 0.114)
        luma = 16 + 219 / 255 * (red * colour[0] + green * colour[1] + blue * colour[2])
        assert picture.to_ndarray()[: size[0]].mean() == pytest.approx(luma, abs=2)


def fail_after(count: int, path: Path, target: Path) -> None:
    """Copies some frames and raises a KeyError then."""
    with VideoSource(path) as source, VideoSink(target, source.info, copy_from=path) as sink:
        for frame in source:
            if frame.index == count:
                raise KeyError("mine")
            sink.write(frame.image, frame.time)


def test_what_was_finished_is_playable_and_the_first_error_is_shown(clips, tmp_path):
    with pytest.raises(KeyError):
        fail_after(9, clips("aac.mp4"), tmp_path / "o.mp4")
    assert len(times(tmp_path / "o.mp4")) == 9
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


def test_an_error_before_the_first_frame_leaves_nothing(clips, tmp_path):
    (tmp_path / "o.mp4").write_text("what was there")
    with pytest.raises(KeyError):
        fail_after(0, clips("aac.mp4"), tmp_path / "o.mp4")
    assert (tmp_path / "o.mp4").read_text() == "what was there"


def test_an_error_on_the_way_out_does_not_hide_the_first(clips, tmp_path, monkeypatch):
    def fail(self, *, cut=False):
        self.discard()
        raise MediaError("the disk is full")

    monkeypatch.setattr(VideoSink, "close", fail)
    with pytest.raises(KeyError):
        fail_after(2, clips("aac.mp4"), tmp_path / "o.mp4")
    assert list(tmp_path.iterdir()) == []


def test_no_frame_at_all(clips, tmp_path):
    with VideoSource(clips("one.mp4")) as source:
        sink = VideoSink(tmp_path / "o.mp4", source.info)
    with pytest.raises(MediaError, match="no frame"):
        sink.close()
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_and_writing_after(clips, tmp_path):
    with VideoSource(clips("one.mp4")) as source:
        image = next(iter(source)).image
        sink = VideoSink(tmp_path / "o.mp4", source.info)
    sink.write(image, Fraction(0))
    sink.close()
    sink.close()
    with pytest.raises(MediaError, match="complete"):
        sink.write(image, Fraction(1))
    assert len(times(tmp_path / "o.mp4")) == 1


def test_the_next_best_encoder_is_used_and_said(clips, streams, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(video_encoder, "_usable_encoders", lambda *_: ("no_such_encoder", "mpeg4"))
    with caplog.at_level("WARNING"):
        sink = copy(clips("aac.mp4"), tmp_path / "out.mp4")
    assert sink.encoder == "mpeg4"
    assert [s["codec"] for s in streams(tmp_path / "out.mp4")] == ["mpeg4", "aac"]
    assert "no_such_encoder" in caplog.text
    assert "mpeg4, the next best" in caplog.text


def test_the_encoding_is_the_callers_choice(clips, tmp_path):
    sizes = {}
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    with VideoSource(clips("one.mp4")) as source:
        info = source.info
    for crf in (5, 45):
        encoding = Encoding(encoder="libx264", crf=crf, preset="ultrafast")
        with VideoSink(tmp_path / f"{crf}.mp4", info, encoding=encoding) as sink:
            sink.write(noise, Fraction(0))
        sizes[crf] = (tmp_path / f"{crf}.mp4").stat().st_size
    assert sizes[5] > 2 * sizes[45]


@pytest.mark.parametrize(
    ("name", "encoding", "error"),
    [
        ("out.xyz", None, InputError),
        ("out", None, InputError),
        ("no/out.mp4", None, MediaError),
        ("folder.mp4", None, MediaError),
        ("out.mp4", Encoding(encoder="nonesuch"), InputError),
    ],
)
def test_targets_that_cannot_be(clips, tmp_path, name, encoding, error):
    (tmp_path / "folder.mp4").mkdir()
    with VideoSource(clips("one.mp4")) as source, pytest.raises(error):
        VideoSink(tmp_path / name, source.info, encoding=encoding)


def test_sizes_must_not_change(clips, tmp_path):
    with VideoSource(clips("one.mp4")) as source:
        sink = VideoSink(tmp_path / "o.mp4", source.info)
    sink.write(np.zeros((20, 20, 3), np.uint8), Fraction(0))
    with pytest.raises(InputError, match="keep their size"):
        sink.write(np.zeros((20, 22, 3), np.uint8), Fraction(1))
    sink.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_crf_out_of_range():
    with pytest.raises(InputError, match="crf"):
        Encoding(crf=64)


def test_times_that_do_not_grow_are_set_one_tick_apart(clips, tmp_path):
    with VideoSource(clips("one.mp4")) as source:
        info = replace(source.info, time_base=Fraction(1, 25), rate=Fraction(25))
        image = next(iter(source)).image
    with VideoSink(tmp_path / "o.mp4", info) as sink:
        for time in (0, 0, 0):
            sink.write(image, Fraction(time))
    assert times(tmp_path / "o.mp4") == [0, Fraction(1, 25), Fraction(2, 25)]


def test_pixels_keep_their_shape_and_files_their_tags(clips, tmp_path):
    wide = tmp_path / "wide.mp4"
    with av.open(str(clips("aac.mp4"))) as source, av.open(str(wide), "w") as output:
        video = output.add_stream("libx264", rate=FILM)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        video.codec_context.sample_aspect_ratio = Fraction(3, 2)
        output.metadata["title"] = "My film"
        for frame in source.decode(video=0):
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    with VideoSource(wide) as source:
        assert source.info.pixel_aspect == Fraction(3, 2)
        with VideoSink(tmp_path / "o.mp4", source.info, copy_from=wide) as sink:
            for frame in source:
                sink.write(frame.image, frame.time)
    with av.open(str(tmp_path / "o.mp4")) as made:
        assert made.streams.video[0].sample_aspect_ratio == Fraction(3, 2)
        assert made.metadata["title"] == "My film"
        assert made.metadata["encoder"].startswith("Lavf")


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg to make subtitles")
def test_subtitles_are_copied_or_left_out_with_a_warning(clips, streams, tmp_path, caplog):
    (tmp_path / "a.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nhello\n")
    film = tmp_path / "film.mkv"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(clips("aac.mp4")), "-i", str(tmp_path / "a.srt"),
         "-map", "0", "-map", "1", "-c", "copy", "-metadata:s:a", "language=fre", str(film)],
        check=True,
    )  # fmt: skip
    copy(film, tmp_path / "out.mkv")
    assert [s["codec"] for s in streams(tmp_path / "out.mkv")] == ["h264", "aac", "subrip"]
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.audio[0].metadata["language"] == "fre"
    with caplog.at_level("WARNING"):
        copy(film, tmp_path / "out.mp4")
    assert [s["codec"] for s in streams(tmp_path / "out.mp4")] == ["h264", "aac"]
    assert "subtitle track" in caplog.text
