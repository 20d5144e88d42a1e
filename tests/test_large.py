"""Pictures from file to file: the same answer as in memory, whole or not at all."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import easyseg
import easyseg.render
from easyseg.cli import main
from easyseg.engine import Segmenter
from easyseg.errors import EasysegWarning, InputError, MediaError
from easyseg.pictures.image import read, resize, write

tifffile = pytest.importorskip("tifffile", reason="easyseg[large] is not installed")
pytest.importorskip("imagecodecs", reason="easyseg[large] is not installed")

OPTIONS = {"model": "builtin", "dataset": "voc", "size": 96}
PLACE = [(33550, 12, 3, (0.5, 0.5, 0.0), True), (33922, 12, 6, (0, 0, 0, 7e5, 5e6, 0), True)]


@pytest.fixture
def picture(astronaut, tmp_path):
    """A photograph of 700 x 1100 pixels, in a TIFF of tiles that knows where on earth it is."""
    path = tmp_path / "photo.tif"
    image = resize(astronaut, (700, 1100), "bilinear")
    tifffile.imwrite(
        path, image, photometric="rgb", tile=(128, 128), compression="lzw", extratags=PLACE
    )
    return path


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_same_answer_as_in_memory(picture, tmp_path, monkeypatch):
    monkeypatch.setattr("easyseg.large._DRAWN_COLUMNS", 256)
    expected = easyseg.segment(picture, tile=300, **OPTIONS)
    targets = {kind: tmp_path / f"{kind}.tif" for kind in ("overlay", "colors", "labels")}
    result = easyseg.segment_large(picture, tile=300, progress=False, **targets, **OPTIONS)
    np.testing.assert_array_equal(tifffile.imread(targets["labels"]), expected.labels)
    np.testing.assert_array_equal(read(targets["overlay"]), expected.overlay(legend=False))
    np.testing.assert_array_equal(read(targets["colors"]), expected.colorize())
    assert result.classes == expected.classes
    assert "person" in result.ratios
    assert (result.shape, result.tile, result.overlay) == ((700, 1100), 300, targets["overlay"])
    assert result.to_dict().keys() == expected.to_dict().keys()
    assert json.dumps(result.to_dict()["classes"]) == json.dumps(expected.to_dict()["classes"])
    assert files_in(tmp_path) == ["colors.tif", "labels.tif", "overlay.tif", "photo.tif"]
    with tifffile.TiffFile(targets["overlay"]) as file:
        page = file.pages.first
        assert page.is_tiled
        assert page.tags[33550].value == (0.5, 0.5, 0.0)
        assert page.tags[33922].value == (0, 0, 0, 7e5, 5e6, 0)


def test_classes_and_counts_alone(picture, tmp_path):
    expected = easyseg.segment(picture, tile=300, classes="person", **OPTIONS)
    result = easyseg.segment_large(
        picture, labels=tmp_path / "a.tif", tile=300, classes="person", **OPTIONS
    )
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), expected.labels)
    assert result.classes == expected.classes
    assert easyseg.segment_large(picture, tile=300, **OPTIONS).classes != result.classes


@pytest.mark.parametrize("size", [(1, 1), (1, 1000), (900, 3), (200, 200)])
def test_small_thin_and_no_tiff(tmp_path, size):
    image = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    path = write(tmp_path / "a.png", image)
    expected = easyseg.segment(path, tile=200, **OPTIONS)
    result = easyseg.segment_large(
        path, tmp_path / "o.tif", labels=tmp_path / "l.tif", tile=200, **OPTIONS
    )
    np.testing.assert_array_equal(read(tmp_path / "o.tif"), expected.overlay(legend=False))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "l.tif"), expected.labels)
    assert result.classes == expected.classes


def test_less_memory_begins_anew_with_smaller_tiles(picture, tmp_path, monkeypatch):
    predict = Segmenter.predict
    calls = []

    def short_of_memory(self, image, **options):
        calls.append(image.shape)
        if len(calls) == 4:
            raise MemoryError
        return predict(self, image, **options)

    monkeypatch.setattr(Segmenter, "predict", short_of_memory)
    with pytest.warns(EasysegWarning, match="tiles of 150"):
        result = easyseg.segment_large(picture, labels=tmp_path / "a.tif", tile=300, **OPTIONS)
    assert result.tile == 150
    assert sum(area.pixels for area in result.classes) == 700 * 1100
    assert files_in(tmp_path) == ["a.tif", "photo.tif"]


@pytest.mark.parametrize("stage", ["predict", "overlay"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("broken")])
def test_nothing_is_left_and_nothing_is_lost(picture, tmp_path, monkeypatch, stage, error):
    (tmp_path / "a.tif").write_text("of earlier")
    home = Segmenter if stage == "predict" else easyseg.render
    calls = []
    work = getattr(home, stage)

    def fails(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise error
        return work(*arguments, **options)

    monkeypatch.setattr(home, stage, fails)
    with pytest.raises(error if isinstance(error, type) else type(error)):
        easyseg.segment_large(
            picture, tmp_path / "a.tif", labels=tmp_path / "b.tif", tile=300, **OPTIONS
        )
    assert files_in(tmp_path) == ["a.tif", "photo.tif"]
    assert (tmp_path / "a.tif").read_text() == "of earlier"


def start(source, target, tile):
    program = (
        "import sys, easyseg, easyseg.engine, easyseg.large\n"
        "source, target, tile = sys.argv[1:]\n"
        "print('it begins', flush=True)\n"
        f"easyseg.segment_large(source, target, tile=int(tile), **{OPTIONS})\n"
    )
    command = [sys.executable, "-c", program, str(source), str(target), str(tile)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle(picture, tmp_path, number):
    (tmp_path / "a.tif").write_text("of earlier")
    process = start(picture, tmp_path / "a.tif", tile=64)
    time.sleep(1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -number, errors
    assert (tmp_path / "a.tif").read_text() == "of earlier"
    if number == signal.SIGINT:
        assert files_in(tmp_path) == ["a.tif", "photo.tif"]


@pytest.mark.slow
def test_two_processes_at_once(picture, tmp_path):
    easyseg.segment_large(picture, tmp_path / "alone.tif", tile=300, **OPTIONS)
    processes = [start(picture, tmp_path / "a.tif", tile=300) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert files_in(tmp_path) == ["a.tif", "alone.tif", "photo.tif"]
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "a.tif"), tifffile.imread(tmp_path / "alone.tif")
    )


def test_options_that_make_no_sense(picture, tmp_path):
    for targets, text in [
        ({"overlay": tmp_path / "a.png"}, "written as TIFF"),
        ({"labels": picture}, "the picture itself"),
        ({"labels": tmp_path / "a.tif", "overlay": tmp_path / "a.tif"}, "is overlay, too"),
        ({"tile": 3}, "tile must be"),
        ({"alpha": 2}, "alpha must be"),
    ]:
        with pytest.raises(InputError, match=text):
            easyseg.segment_large(picture, **targets, **OPTIONS)
    with pytest.raises(MediaError, match="there is no folder"):
        easyseg.segment_large(picture, tmp_path / "no" / "a.tif", **OPTIONS)
    assert files_in(tmp_path) == ["photo.tif"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are of POSIX systems")
def test_a_full_disk(picture, tmp_path):
    """A limit on the size of files raises what a full disk does."""
    import resource

    easyseg.segment_large(picture, tile=300, **OPTIONS)  # whatever is cached is written
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(MediaError, match=r"cannot write .*o\.tif: file too large"):
            easyseg.segment_large(picture, tmp_path / "o.tif", tile=300, **OPTIONS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files_in(tmp_path) == ["photo.tif"]


@pytest.fixture
def too_large(picture, monkeypatch):
    """The picture is too large for memory, as far as anybody can tell."""
    monkeypatch.setattr("easyseg.pictures.parts.MAX_PIXELS", 600_000)
    return picture


@pytest.mark.parametrize("kind", ["overlay", "colors", "labels"])
def test_from_the_command_line(too_large, tmp_path, monkeypatch, capsys, kind):
    monkeypatch.chdir(tmp_path)
    options = ["--model", "builtin", "--dataset", "voc", "--size", "96", "--tile", "300"]
    assert main([str(too_large), "--kind", kind, "--json", *options]) == 0
    facts = json.loads(capsys.readouterr().out)
    result = easyseg.segment(too_large, tile=300, **OPTIONS)
    assert facts["classes"] == result.to_dict()["classes"]
    assert facts["output"] == "photo_segmented.tif"
    expected = {
        "overlay": result.overlay(legend=False),
        "colors": result.colorize(),
        "labels": result.labels,
    }
    np.testing.assert_array_equal(tifffile.imread("photo_segmented.tif"), expected[kind])


def test_what_the_command_line_cannot_do(too_large, tmp_path, capsys):
    options = ["--model", "builtin", "--dataset", "voc", "--size", "96"]
    assert main([str(too_large), "-o", str(tmp_path / "a.png"), *options]) == 2
    assert "name it .tif" in capsys.readouterr().err
    assert main([str(too_large), "-o", str(tmp_path / "a"), "--export", "coco", *options]) == 2
    assert "exports take all of it" in capsys.readouterr().err
