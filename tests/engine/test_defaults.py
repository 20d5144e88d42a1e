"""Nothing depends on what the process has set as torch's defaults."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

import easyseg
from easyseg.engine import Segmenter

CELLS = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
PHOTO = CELLS.repeat(8, 0).repeat(8, 1)


@pytest.fixture(params=["meta", torch.float64, torch.float16, torch.bfloat16], ids=str)
def changed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Another default device, or another default type of numbers."""
    if request.param == "meta":
        torch.set_default_device("meta")
    else:
        torch.set_default_dtype(request.param)
    yield
    torch.set_default_device(None)
    torch.set_default_dtype(torch.float32)


WAYS = {
    "plain": {"confidence": True},
    "tiles": {"tile": 96, "confidence": True},
    "views": {"tta": True},
    "tiles of views": {"tile": 96, "tta": True},
}


@pytest.fixture(scope="module")
def expected() -> dict[str, easyseg.Segmentation]:
    """The answers with the usual defaults."""
    segmenter = Segmenter("builtin", backend="torch", size=96)
    return {name: segmenter(PHOTO, **options) for name, options in WAYS.items()}


def test_segmenting(expected, changed):
    segmenter = Segmenter("builtin", backend="torch", size=96)  # loaded under them, too
    for name, options in WAYS.items():
        result = segmenter(PHOTO, **options)
        np.testing.assert_array_equal(result.labels, expected[name].labels, name)
        if "confidence" in options:
            np.testing.assert_allclose(result.confidence, expected[name].confidence, atol=1e-6)


def test_soft_masks(expected, changed):
    result = expected["plain"]
    chosen = [area.id for area in result.classes[:2]]
    here = Segmenter("builtin", backend="torch", size=96)(PHOTO)
    assert np.abs(here.matte(chosen).astype(int) - result.matte(chosen)).max() <= 1
