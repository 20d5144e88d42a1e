"""The matte: it follows the edges of the photograph, and decides where the network is unsure."""

import numpy as np
import pytest

from easyseg.pictures.image import resize
from easyseg.render import matte


def _disc(size, radius, center=None):
    """A disc of 1 with an antialiased rim."""
    down, across = np.mgrid[: size[0], : size[1]]
    top, left = center or (size[0] / 2 - 0.5, size[1] / 2 - 0.5)
    return np.clip(radius + 0.5 - np.hypot(down - top, across - left), 0, 1)


def _photograph(alpha, noise=4):
    """A red thing before a blue background, with some noise."""
    image = alpha[..., np.newaxis] * (200, 60, 40) + (1 - alpha[..., np.newaxis]) * (40, 80, 190)
    image += np.random.default_rng(0).normal(0, noise, image.shape)
    return np.rint(image.clip(0, 255)).astype(np.uint8)


def _probability(alpha, blur=9):
    """What a network would say of it: right in the main, blurred, and with a wrong place."""
    from easyseg.drawing import filters

    step = alpha.shape[1] // 80
    wrong = np.roll(alpha, (step, step), (0, 1)).astype(np.float32)
    small = resize(wrong, matte.reduced_size(alpha.shape), "area")
    return filters.box_mean(small, blur // 2)


@pytest.mark.parametrize("size", [(200, 300), (720, 1280)])
def test_a_displaced_probability_is_brought_to_the_edge(size):
    truth = _disc(size, size[0] / 4)
    probability = _probability(truth)
    before = np.abs(resize(probability, size) - truth).mean()
    alpha = matte.refine(_photograph(truth), probability) / 255
    assert np.abs(alpha - truth).mean() < 0.6 * before
    near = size[1] / 80
    inner, outer = _disc(size, size[0] / 4 - near) == 1, _disc(size, size[0] / 4 + near) == 0
    assert np.quantile(alpha[inner], 0.01) > 0.6
    assert np.quantile(alpha[outer], 0.99) < 0.4


def test_far_from_edges_it_is_all_or_nothing():
    truth = _disc((300, 300), 80)
    alpha = matte.refine(_photograph(truth), _probability(truth))
    assert (alpha[_disc((300, 300), 50) == 1] == 255).all()
    assert (alpha[_disc((300, 300), 115) == 0] == 0).all()


def test_one_colour_everywhere_follows_the_probability():
    image = np.full((100, 100, 3), 90, np.uint8)
    probability = np.zeros((100, 100), np.float32)
    probability[:, 50:] = 1
    alpha = matte.refine(image, probability)
    assert (alpha[:, :30] == 0).all()
    assert (alpha[:, 70:] == 255).all()
    assert (np.diff(alpha[0].astype(int)) >= 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 3), (2, 2)])
@pytest.mark.parametrize("value", [0.0, 0.3, 0.5, 1.0])
def test_any_shape(shape, value):
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    probability = np.full(matte.reduced_size(shape), value, np.float32)
    alpha = matte.refine(image, probability)
    assert alpha.shape == shape
    if value != 0.5:
        assert (alpha == (255 if value > 0.5 else 0)).all()


def test_labels_alone_give_a_guess_that_is_sure_inside():
    mask = _disc((200, 200), 60) > 0.5
    guess = matte.guess(mask)
    assert guess[100, 100] > 0.99
    assert guess[5, 5] < 0.01
    truth = _disc((200, 200), 60)
    alpha = matte.refine(_photograph(truth), guess) / 255
    assert np.abs(alpha - truth).mean() < 0.01
