"""The three faces of videos: the one-line functions, PixelLib's methods, the command line."""

import itertools
import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from signatures import positional

import easyseg
from easyseg import api, engine
from easyseg.cli import main
from easyseg.cli.work import draw
from easyseg.errors import InputError, MediaError
from easyseg.labels import PASCAL_VOC
from easyseg.pictures import image as media
from easyseg.pipeline import resume
from easyseg.videos.source import VideoSource


def count(path: Path) -> int:
    with VideoSource(path) as source:
        return sum(1 for _ in source)


@pytest.fixture
def segmenter(fake, monkeypatch):
    """The fake in the place of every model."""
    one = fake()
    # The fake is also called with pictures.
    fake.__call__ = lambda self, source, *, confidence=False, color="rgb": self.finish(
        self.predict(media.read(source)), source=str(source)
    )
    monkeypatch.setattr(api, "cached_segmenter", lambda *_, **__: one)
    monkeypatch.setattr(engine, "cached_segmenter", lambda *_, **__: one)
    yield one
    del fake.__call__


class TestStream:
    def test_a_video(self, clip, segmenter):
        results = list(easyseg.stream(clip, stride=2, max_frames=4))
        assert [result.classes[0].id for result in results] == [0, 2, 4, 6]
        assert results[0].source == str(clip)

    def test_a_folder_a_pattern_and_a_list(self, clip, segmenter, tmp_path):
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "a.mp4").write_bytes(clip.read_bytes())
        media.write(tmp_path / "b.png", np.full((20, 30, 3), 80, np.uint8))
        (tmp_path / "notes.txt").write_text("no picture")
        wanted = [10, *range(24)]
        ids = [result.classes[0].id for result in easyseg.stream(tmp_path)]
        assert ids == wanted
        everything = [str(tmp_path / "*.png"), np.full((9, 9, 3), 8, np.uint8), clip]
        ids = [result.classes[0].id for result in easyseg.stream(everything, max_frames=2)]
        assert ids == [10, 1, 0, 1]

    def test_classes(self, clip, segmenter):
        results = list(easyseg.stream(clip, classes="building", max_frames=2))
        assert [len(result.classes) for result in results] == [0, 1]

    def test_stopping_early_is_fine(self, clip, segmenter):
        assert next(iter(easyseg.stream(clip))).classes[0].id == 0
        assert len(segmenter.seen) < 24

    @pytest.mark.parametrize(
        ("source", "options", "error"),
        [
            ("nothing-*.mp4", {}, MediaError),
            ("x.mp4", {"smoothing": "much"}, InputError),
            ("x.mp4", {"every_n": 0}, InputError),
        ],
    )
    def test_mistakes_are_said_at_the_call(self, segmenter, source, options, error):
        with pytest.raises(error):
            easyseg.stream(source, **options)

    def test_a_missing_file(self, segmenter):
        with pytest.raises(MediaError, match="not there"):
            next(easyseg.stream("nothing.mp4"))


class TestSegmentVideo:
    def test_it_writes_an_overlay(self, clip, segmenter, tmp_path):
        summary = easyseg.segment_video(
            clip, tmp_path / "o.mp4", alpha=1.0, legend=False, outline=False, max_frames=3,
            statistics=tmp_path / "s.csv",
        )  # fmt: skip
        assert summary.frames == 3
        with VideoSource(tmp_path / "o.mp4") as source:
            frames = list(source)
        colour = segmenter.label_set.palette[1]
        assert np.abs(frames[1].image.reshape(-1, 3).mean(0) - colour).max() < 6
        assert len((tmp_path / "s.csv").read_text().splitlines()) == 4

    def test_another_rate_goes_without_sound(self, clip, segmenter, tmp_path):
        easyseg.segment_video(clip, tmp_path / "o.mp4", frames_per_second=12)
        with VideoSource(tmp_path / "o.mp4") as source:
            assert (source.info.rate, source.info.audio) == (12, ())
            assert [frame.time * 12 for frame in source] == list(range(24))

    def test_the_sources_rate_keeps_sound(self, clip, segmenter, tmp_path):
        easyseg.segment_video(clip, tmp_path / "o.mp4", frames_per_second=23.976)
        with VideoSource(tmp_path / "o.mp4") as source:
            assert (source.info.rate, source.info.audio) == (24, ("aac",))

    @pytest.mark.parametrize("rate", [0, -1, "fast", float("nan"), True])
    def test_rates_that_make_no_sense(self, clip, segmenter, tmp_path, rate):
        with pytest.raises(InputError, match="frames_per_second"):
            easyseg.segment_video(clip, tmp_path / "o.mp4", frames_per_second=rate)

    @pytest.mark.parametrize("name", ["o.gif", "o.webm", "frames/"])
    def test_other_targets(self, clip, segmenter, tmp_path, name):
        easyseg.segment_video(clip, f"{tmp_path}/{name}", max_frames=3)
        target = tmp_path / name
        assert (len(list(target.iterdir())) if target.is_dir() else count(target)) == 3


class TestPixelLib:
    PARAMETERS = ("video_path", "overlay", "frames_per_second", "output_video_name")

    def test_the_order_of_the_parameters(self):
        kind = easyseg.semantic_segmentation
        assert positional(kind.process_video_pascalvoc) == self.PARAMETERS
        assert positional(kind.process_video_ade20k) == (
            *self.PARAMETERS, "extract_segmented_objects",
        )  # fmt: skip

    def test_ade20k(self, clip, fake, tmp_path):
        seg = easyseg.semantic_segmentation()
        seg._segmenters["ade20k"] = fake()
        target = tmp_path / "o.mp4"
        values, picture = seg.process_video_ade20k(str(clip), output_video_name=str(target))
        assert values["class_ids"] == [24]
        colour = fake.label_set.palette[23]
        assert picture.shape == (48, 64, 3)
        np.testing.assert_array_equal(picture[0, 0], colour[::-1])
        assert count(target) == 24
        with av.open(str(target)) as output:
            assert output.streams.video[0].average_rate == 24
            assert len(output.streams.audio) == 1

    def test_objects(self, clip, fake):
        seg = easyseg.semantic_segmentation()
        seg._segmenters["ade20k"] = fake()
        values, objects, picture = seg.process_video_ade20k(clip, extract_segmented_objects=True)
        assert [one["class_id"] for one in objects] == values["class_ids"] == [24]
        assert picture.dtype == np.uint8

    def test_pascalvoc_with_an_overlay_and_without_a_target(self, clip, fake, capsys):
        seg = easyseg.semantic_segmentation()
        segmenter = fake()
        finish = segmenter.finish
        segmenter.finish = lambda *a, **k: easyseg.Segmentation(
            np.full((48, 64), 15, np.uint8), PASCAL_VOC, finish(*a, **k).image, "fake", {}
        )
        seg._segmenters["voc"] = segmenter
        values, picture = seg.process_video_pascalvoc(clip, True, 15)
        assert values["class_names"] == ["person"]
        wanted = 0.7 * PASCAL_VOC.palette[15].astype(float) + 0.3 * 184
        assert np.abs(picture[0, 0, ::-1] - wanted).max() < 4
        assert capsys.readouterr().out == ""


class TestCommandLine:
    def test_a_clip(self, clip, segmenter, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        code = main([str(clip), "-o", "new/out.mp4", "--stats", "s.csv", "--max-frames", "5"])
        assert code == 0
        assert count(tmp_path / "new" / "out.mp4") == 5
        assert len((tmp_path / "s.csv").read_text().splitlines()) == 6
        assert "5 frames" in capsys.readouterr().out

    def test_stats(self, clip, segmenter, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert main(["stats", str(clip), "-o", "t.csv", "--wide", "--max-frames", "3"]) == 0
        head, *frames = (tmp_path / "t.csv").read_text().splitlines()
        assert head.startswith("source,frame,time,wall,building,")
        assert len(frames) == 3
        assert frames[1].startswith(f"{clip},1,0.041667,0.000000,1.000000,")
        assert list(tmp_path.iterdir()) == [tmp_path / "t.csv"]
        assert main(["stats", str(clip), "no.mp4", "--max-frames", "1"]) == 1
        out, err = capsys.readouterr()
        assert out.splitlines()[0] == "source,frame,time,class,ratio"
        assert "no.mp4" in err

    def test_without_an_output(self, clip, segmenter, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert main([str(clip), "--json", "--stride", "8", "--no-sound"]) == 0
        assert count(tmp_path / "clip_segmented.mp4") == 3
        facts = json.loads(capsys.readouterr().out)
        assert (facts["frames"], facts["output"]) == (3, "clip_segmented.mp4")

    def test_several_into_a_folder(self, clip, segmenter, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "b.mp4").write_bytes(clip.read_bytes())
        (tmp_path / "broken.mp4").write_text("hello")
        code = main([str(clip), "b*.mp4", "-o", "out", "--max-frames", "2", "-q"])
        assert code == 1
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.mp4", "clip.mp4"]
        assert "broken.mp4" in capsys.readouterr().err

    def test_finished_ones_are_passed_over(self, clip, segmenter, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        shutil.copy(clip, "a.mp4")
        Path("b.mp4").write_bytes(b"no video")
        several = ["a.mp4", "b.mp4", "-o", "out/", "--resume", "--max-frames", "3"]
        assert main(several) == 1
        assert "a.mp4  3 frames" in capsys.readouterr().out
        shutil.copy(clip, "b.mp4")
        assert main([*several[:-1], "2"]) == 0  # another job: both are done, and the list goes
        assert "finished" not in capsys.readouterr().out
        Path("b.mp4").write_bytes(b"no video")
        assert main(several) == 1
        shutil.copy(clip, "b.mp4")
        capsys.readouterr()
        assert main(several) == 0
        said = capsys.readouterr().out
        assert "a.mp4  finished by an earlier run" in said
        assert "b.mp4  3 frames" in said
        assert sorted(path.name for path in Path("out").iterdir()) == ["a.mp4", "b.mp4"]

    def test_resume(self, clip, segmenter, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(resume, "SECTION", 4)
        calls = itertools.count()

        def interrupted(result, options):
            if next(calls) == 15:
                raise KeyboardInterrupt
            return draw(result, options)

        monkeypatch.setattr("easyseg.cli.work.draw", interrupted)
        command = [str(clip), "-o", "o.mp4", "--resume", "--json"]
        assert main(command) == 130
        assert main([*command, "--alpha", "0.1"]) == 2
        assert "alpha was 0.6 and is 0.1" in capsys.readouterr().err
        assert main(command) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["frames"] == 24
        assert facts["resumed"] in (8, 12)
        assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]
        assert count(tmp_path / "o.mp4") == 24

    def test_labels_as_pictures(self, clip, segmenter, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert main([str(clip), "--kind", "labels", "-o", "ids/", "--start", "0.5"]) == 0
        files = sorted((tmp_path / "ids").iterdir())
        assert [int(media.read(path)[0, 0, 0]) for path in files] == list(range(12, 24))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["CLIP", "photo.jpg"], "cannot be mixed"),
            (["CLIP", "--tile", "512"], "for photographs only"),
            (["photo.jpg", "--stride", "2"], "--stride: for videos only"),
            (["CLIP", "-o", "-"], "standard output"),
            (["CLIP", "--kind", "labels", "-o", "a.mp4"], "class ids need pictures"),
            (["CLIP", "CLIP", "-o", "a.mp4"], "several videos"),
            (["CLIP", "CLIP"], "the same name"),
            (["CLIP", "a.mp4", "--stats", "s.csv"], "--stats"),
            (["CLIP", "--every-n", "0"], "every_n"),
            (["nothing.mp4"], "nothing.mp4"),
            (["CLIP", "-o", "CLIP"], "the source itself"),
        ],
    )
    def test_mistakes(self, clip, segmenter, tmp_path, monkeypatch, capsys, arguments, message):
        monkeypatch.chdir(tmp_path)
        assert main([str(clip) if word == "CLIP" else word for word in arguments]) == 2
        assert message in capsys.readouterr().err
        assert segmenter.seen == []
