"""Several views of a picture, averaged."""

import numpy as np
import pytest
import torch

from easyseg.engine import Segmenter
from easyseg.engine.views import average, cells_of, look
from easyseg.pictures.image import resize
from easyseg.transforms import Preprocess, restore

RULES = [
    Preprocess((0, 0, 0), (1, 1, 1), size=48),
    Preprocess((0, 0, 0), (1, 1, 1), size=48, divisor=32, square=True, padding="center"),
    Preprocess((0, 0, 0), (1, 1, 1), size=48, divisor=32, align_corners=True),
    Preprocess((0, 0, 0), (1, 1, 1), resize="native", divisor=16),
]


def network(x: torch.Tensor) -> torch.Tensor:
    """Something with an edge to the left, so that a mirrored picture gives another answer."""
    kernel = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.conv2d(x, kernel, stride=2, padding=1) * 4


@pytest.fixture
def image() -> np.ndarray:
    few = np.random.default_rng(1).integers(0, 255, (8, 11, 3), np.uint8)
    return resize(few, (90, 130), "bicubic")


@pytest.mark.parametrize("preprocess", RULES)
def test_one_view_is_the_network_alone(image, preprocess):
    x, geometry = preprocess(image)
    wanted = restore(network(x), geometry)
    logits, where = average(look(network, preprocess, image, scales=(1.0,), flip=False))
    assert where.original == (90, 130)
    # Between the logits where padding shifts the grid, and exactly on them otherwise.
    least = 0.9 if geometry.padded != geometry.resized else 0.999
    assert (restore(logits, where) == wanted).mean() > least


@pytest.mark.parametrize("preprocess", RULES)
def test_a_mirrored_picture_gets_the_mirrored_answer(image, preprocess):
    logits, geometry = average(look(network, preprocess, image))
    mirrored = np.ascontiguousarray(image[:, ::-1])
    others, _ = average(look(network, preprocess, mirrored))
    torch.testing.assert_close(others.flip(-1), logits, atol=1e-3, rtol=1e-3)
    assert geometry.original == (90, 130)


def test_probabilities_are_averaged_not_logits(image):
    preprocess = RULES[0]
    views = list(look(network, preprocess, image, scales=(1.0,)))
    assert [view.mirrored for view in views] == [False, True]
    assert cells_of(views[0]) == tuple(views[0].logits.shape[-2:])
    mean = (views[0].logits.softmax(1) + views[1].logits.softmax(1).flip(-1)) / 2
    logits, _ = average(iter(views))
    torch.testing.assert_close(logits.exp(), mean, atol=1e-5, rtol=1e-5)


def test_the_grid_is_that_of_the_finest_view(image):
    logits, _ = average(look(network, RULES[0], image, scales=(0.5, 1.5)))
    finest = next(look(network, RULES[0], image, scales=(1.5,)))
    assert tuple(logits.shape[-2:]) == cells_of(finest)
    torch.testing.assert_close(logits.exp().sum(1), torch.ones(1, *logits.shape[-2:]))


def test_a_photograph(astronaut):
    segmenter = Segmenter("builtin", dataset="voc", size=256)
    plain, better = segmenter(astronaut), segmenter(astronaut, tta=True, confidence=True)
    assert better.labels.shape == plain.labels.shape
    assert 0.9 < (better.labels == plain.labels).mean() < 1
    assert better.scores is not None
    assert better.confidence.max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 2)])
def test_thin_pictures(size):
    segmenter = Segmenter("builtin", dataset="voc", size=32)
    assert segmenter(np.full((*size, 3), 90, np.uint8), tta=True).shape == size
