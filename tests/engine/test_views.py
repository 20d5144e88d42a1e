"""Several views of a picture, averaged."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from easyseg.engine import Segmenter
from easyseg.engine.views import average, cells_of, look
from easyseg.errors import InputError
from easyseg.pictures.image import resize
from easyseg.transforms import Preprocess, restore

SCALES = (0.75, 1.0, 1.25)

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
    logits, geometry = average(look(network, preprocess, image, scales=SCALES))
    mirrored = np.ascontiguousarray(image[:, ::-1])
    others, _ = average(look(network, preprocess, mirrored, scales=SCALES))
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
    plain = segmenter(astronaut, tta=False)
    better = segmenter(astronaut, tta=True, confidence=True)
    assert better.labels.shape == plain.labels.shape
    assert 0.9 < (better.labels == plain.labels).mean() < 1
    assert better.scores is not None
    assert better.confidence.max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 2)])
def test_thin_pictures(size):
    segmenter = Segmenter("builtin", dataset="voc", size=32)
    assert segmenter(np.full((*size, 3), 90, np.uint8), tta=True).shape == size


def test_built_in_models_look_at_the_mirrored_picture_where_that_costs_little(astronaut):
    segmenter = Segmenter("builtin", dataset="voc", size=128, backend="torch", precision="fp32")
    inputs: list[torch.Tensor] = []
    run = segmenter._network

    def watched(x: torch.Tensor) -> torch.Tensor:
        inputs.append(x)
        return run(x)

    watched.backend, watched.precision = "openvino", "fp32"
    assert not segmenter.affords_mirrored
    segmenter._network = watched
    assert segmenter.affords_mirrored
    for options, seen in (
        ({}, 2), ({"tta": True}, 2), ({"tta": False}, 1), ({"tile": 4000}, 1),
        ({"tile": 4000, "tta": True}, 2),
    ):  # fmt: skip
        inputs.clear()
        segmenter(astronaut, **options)
        assert len(inputs) == seen, options
    assert torch.equal(inputs[1], inputs[0].flip(-1))
    segmenter.weights = replace(segmenter.weights, file=None)
    assert not segmenter.affords_mirrored  # other models are as their publishers measured them


def test_the_mirrored_picture_has_the_mirrored_answer(astronaut):
    segmenter = Segmenter("builtin", dataset="voc", size=129)
    one = segmenter.predict(astronaut, tta=True).logits
    other = segmenter.predict(np.ascontiguousarray(astronaut[:, ::-1]), tta=True).logits
    # But for the resize, whose rounding differs from left to right.
    assert ((one - other.flip(-1)).abs() < 0.5).float().mean() > 0.99


def test_what_tta_may_be(astronaut):
    segmenter = Segmenter("builtin", dataset="voc", size=32)
    with pytest.raises(InputError, match='must be True, False or "auto"'):
        segmenter(astronaut, tta="yes")
