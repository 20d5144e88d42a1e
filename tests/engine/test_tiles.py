"""Large pictures in tiles: what a network sees near by must not depend on how they are cut."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from easyseg import segment
from easyseg.engine import Segmenter
from easyseg.engine.tiles import check_tile, in_tiles_that_fit, segment_tiles
from easyseg.errors import EasysegWarning, InputError
from easyseg.pictures.image import resize
from easyseg.transforms import Geometry, restore


def coarse(stride: int, seen: list[tuple[int, int]] | None = None):
    """A network that takes the mean colours of cells of some pixels for its logits."""

    def predict(part):
        size = part.shape[:2]
        if seen is not None:
            seen.append(size)
        cells = tuple(max(1, round(side / stride)) for side in size)
        small = resize(part, cells, "area").astype(np.float32) / 16
        logits = torch.from_numpy(small).permute(2, 0, 1)[None]
        return logits, Geometry(size, cells, cells)

    return predict


def colourful(height: int, width: int) -> np.ndarray:
    """Soft areas of red, green and blue."""
    few = np.random.default_rng(height + width).integers(0, 255, (9, 9, 3), np.uint8)
    return resize(few, (height, width), "bicubic")


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 300), width=st.integers(1, 300), tile=st.integers(64, 130))
def test_pixelwise_labels_do_not_depend_on_the_tiles(height, width, tile):
    image = colourful(height, width)
    labels, _ = segment_tiles(image, tile, coarse(1))
    whole = image.argmax(axis=2)
    # Two colours that are equal in a pixel may be rounded to either.
    best = np.take_along_axis(image, labels[..., None].astype(int), axis=2)[..., 0]
    np.testing.assert_array_equal(best, image.max(axis=2))
    assert (labels == whole).mean() > 0.99


@pytest.mark.parametrize("size", [(500, 700), (130, 64), (129, 512), (1, 4000), (4000, 3)])
@pytest.mark.parametrize("stride", [4, 8])
def test_coarse_labels_hardly_depend_on_the_tiles(size, stride):
    image = colourful(*size)
    labels, confidence = segment_tiles(image, 128, coarse(stride), confidence=True)
    logits, geometry = coarse(stride)(image)
    assert labels.shape == size
    assert (labels == restore(logits, geometry)).mean() > 0.98
    assert confidence.shape == size
    assert (confidence > 0.3).all()
    assert (confidence <= 1).all()


def test_tiles_overlap_and_none_is_larger_than_asked_for():
    seen: list[tuple[int, int]] = []
    segment_tiles(colourful(300, 500), 128, coarse(4, seen))
    assert set(seen) == {(128, 128)}
    assert len(seen) == 3 * 5


def test_the_seam_is_smooth():
    """Tiles that disagree: the share of each falls from one side of the overlap to the other."""
    answers = iter([0, 1])

    def predict(part):
        logits = torch.zeros(1, 2, 32, 32)
        logits[:, next(answers)] = 4.0
        return logits, Geometry(part.shape[:2], (32, 32), (32, 32))

    labels, confidence = segment_tiles(colourful(128, 224), 128, predict, confidence=True)
    # They overlap from 96 to 128, so that the middle is at 112.
    np.testing.assert_array_equal(labels[:, :110], 0)
    np.testing.assert_array_equal(labels[:, 114:], 1)
    across = confidence[64]
    assert np.abs(np.diff(across)).max() < 0.1
    assert across[110:114].min() < 0.55
    assert min(across[96], across[128]) > 0.95


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried"),
        RuntimeError("could not create a primitive"),
        RuntimeError("Exception from plugin.cpp:54: std::bad_alloc"),
    ],
)
def test_smaller_tiles_where_memory_runs_out(error):
    tried = []

    def work(tile: int) -> int:
        tried.append(tile)
        if tile > 300:
            raise error
        return tile

    with pytest.warns(EasysegWarning, match="memory ran out") as caught:
        assert in_tiles_that_fit(work, 1024) == 256
    assert "tiles of 256 pixels" in str(caught[-1].message)
    assert tried == [1024, 512, 256]


@pytest.mark.filterwarnings("ignore::easyseg.errors.EasysegWarning")
def test_what_is_no_lack_of_memory_is_not_tried_again():
    def work(tile: int) -> None:
        raise RuntimeError("the shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        in_tiles_that_fit(work, 1024)

    def too_much(tile: int) -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        in_tiles_that_fit(too_much, 1024)


@pytest.mark.parametrize("tile", [0, 63, -1, 512.0, True, "1024"])
def test_tiles_that_make_no_sense(tile):
    with pytest.raises(InputError, match="tile must be"):
        check_tile(tile)


def test_a_picture_that_fits_one_tile_is_taken_whole(astronaut):
    segmenter = Segmenter("builtin", dataset="voc", size=128)
    whole = segmenter(astronaut, tta=False)
    np.testing.assert_array_equal(segmenter(astronaut, tile=512).labels, whole.labels)


def test_a_photograph_in_tiles(astronaut):
    segmenter = Segmenter("builtin", dataset="voc", size=256)
    whole = segmenter.with_size(512)(astronaut)
    result = segmenter(astronaut, tile=384, confidence=True)
    assert result.shape == (512, 512)
    assert (result.labels == whole.labels).mean() > 0.8
    assert result.confidence.shape == (512, 512)
    assert result.scores is None


def test_less_memory_means_the_same_scale(astronaut, monkeypatch):
    segmenter = Segmenter("builtin", dataset="voc", size=128)
    run, seen = Segmenter._run, []

    def short_of_memory(self, x):
        seen.append(tuple(x.shape[-2:]))
        if max(x.shape) > 65:
            raise MemoryError
        return run(self, x)

    monkeypatch.setattr(Segmenter, "_run", short_of_memory)
    with pytest.warns(EasysegWarning, match="tiles of 200"):
        result = segmenter(astronaut, tile=400)
    assert seen[0] == (129, 129)  # the nearest with corners on corners
    assert set(seen[1:]) == {(65, 65)}
    assert result.shape == (512, 512)


SHORT_OF_MEMORY = """
import re, resource, sys, warnings
from pathlib import Path
import numpy as np
from easyseg import Segmenter
from easyseg.pictures.image import read, resize

segmenter = Segmenter("builtin", dataset="voc", backend="torch", size=1024)
image = resize(read(sys.argv[1]), (1100, 1500), "bilinear")
segmenter.with_size(64)(image, tile=600)  # what is loaded late is loaded
used = int(re.search(r"VmSize:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) << 10
without = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + (120 << 20), without[1]))
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    labels = segmenter(image, tile=1024).labels
resource.setrlimit(resource.RLIMIT_AS, without)
tile = int(re.search(r"tiles of (\\d+)", str(said[-1].message))[1])
assert tile in (512, 256), said
np.testing.assert_array_equal(labels, segmenter.with_size(tile)(image, tile=tile).labels)
print("fell back to", tile)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited by Linux's means")
def test_memory_that_really_runs_out(photographs):
    """A process that may take 120 MB more: too little for tiles of 1024 pixels."""
    done = subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY, str(photographs / "astronaut.jpg")],
        capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "fell back to" in done.stdout


def test_from_the_one_line_face(astronaut):
    options = {"dataset": "voc", "model": "builtin", "size": 64}
    result = segment(astronaut, tile=300, tta=True, classes="person", **options)
    assert result.shape == (512, 512)
    with pytest.raises(InputError, match="tile must be"):
        segment([astronaut], tile=3, **options)
