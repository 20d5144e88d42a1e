"""What the keys do to the picture."""

import numpy as np
import pytest

from easyseg.errors import InputError
from easyseg.labels import ADE20K
from easyseg.pipeline import View
from easyseg.result import Segmentation


@pytest.fixture
def result() -> Segmentation:
    labels = np.zeros((60, 80), np.uint8)
    labels[:30] = 2
    labels[:, :20] = 12
    return Segmentation(labels, ADE20K, np.full((60, 80, 3), 100, np.uint8), "fake", {})


def test_o_goes_round(result):
    view = View(legend=False)
    pictures = [view(result)]
    said = []
    for _ in range(3):
        said.append(view.press("o", result))
        pictures.append(view(result))
    assert said == ["colours", "photo", "overlay"]
    np.testing.assert_array_equal(pictures[0], result.overlay(legend=False))
    np.testing.assert_array_equal(pictures[1], result.colorize())
    np.testing.assert_array_equal(pictures[2], result.image)
    np.testing.assert_array_equal(pictures[3], pictures[0])


def test_a_drawing_of_ones_own_comes_first_and_comes_back(result):
    view = View(lambda result: result.image // 2)
    assert view(result).max() == 50
    assert [view.press("o", result) for _ in range(4)] == ["overlay", "colours", "photo", "own"]
    assert view(result).max() == 50


def test_alpha_stays_within_its_range(result):
    view = View(alpha=0.6)
    assert view.press("-", result) == "colour 50%"
    for _ in range(9):
        view.press("-", result)
    assert view.alpha == 0
    for _ in range(12):
        view.press("+", result)
    assert view.alpha == 1
    np.testing.assert_array_equal(view(result), result.overlay(alpha=1.0))


def test_the_legend(result):
    view = View()
    assert view.press("l", result) == "legend off"
    np.testing.assert_array_equal(view(result), result.overlay(legend=False))


def test_one_class_after_another(result):
    view = View(legend=False)
    assert [view.press("]", result) for _ in range(4)] == ["wall", "sky", "person", "all classes"]
    assert view.press("[", result) == "person"
    np.testing.assert_array_equal(view(result), result.overlay(classes="person", legend=False))
    view.press("o", result)
    np.testing.assert_array_equal(view(result), result.only("person").colorize())


def test_a_class_that_left_the_picture_keeps_its_place(result):
    view = View()
    view.press("[", result)
    without = result.without("person")
    assert view.press("[", without) == "sky"


def test_keys_that_mean_nothing_yet():
    assert View().press("]", None) is None


@pytest.mark.parametrize("alpha", [-0.1, 1.1, "much"])
def test_an_alpha_that_makes_no_sense(alpha):
    with pytest.raises(InputError, match="alpha"):
        View(alpha=alpha)
