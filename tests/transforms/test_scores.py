"""The scores of the classes: probabilities that agree with the labels, at any resolution."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from easyseg.errors import InputError
from easyseg.transforms import ClassScores, Geometry, restore


def _scores(classes=5, grid=(4, 6), original=(40, 60), seed=0, **geometry):
    logits = np.random.default_rng(seed).normal(0, 3, (classes, *grid)).astype(np.float32)
    return ClassScores(logits, Geometry(original, original, original, **geometry))


@pytest.mark.parametrize("align_corners", [False, True])
def test_on_the_grid_itself_it_is_above_one_half_where_the_label_is_chosen(align_corners):
    scores = _scores(grid=(7, 9), original=(7, 9), align_corners=align_corners)
    labels = restore(torch.from_numpy(scores.logits.copy()), scores.geometry)
    for chosen in ([0], [1, 3], [0, 1, 2, 3]):
        above = scores.probability(chosen, (7, 9)) > 0.5
        np.testing.assert_array_equal(above, np.isin(labels, chosen))


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sets(st.integers(0, 9), max_size=8),
    st.booleans(),
)
def test_any_size_gives_probabilities_and_the_others_have_the_rest(size, chosen, align_corners):
    scores = _scores(original=size, align_corners=align_corners)
    probability = scores.probability(sorted(chosen), (3, 8))
    others = sorted(set(range(5)) - chosen)
    assert probability.shape == (3, 8)
    assert probability.dtype == np.float32
    assert 0 <= probability.min() <= probability.max() <= 1
    np.testing.assert_allclose(probability + scores.probability(others, (3, 8)), 1, atol=1e-5)


def test_two_classes_give_the_softmax():
    logits = np.array([[[0.0]], [[1.0]]], np.float32)
    scores = ClassScores(logits, Geometry((2, 2), (2, 2), (2, 2)))
    np.testing.assert_allclose(scores.probability([1], (2, 2)), 1 / (1 + np.exp(-1)), rtol=1e-6)


def test_dropped_classes_count_for_nothing_but_go_on_competing():
    scores = _scores()
    kept = scores.only([1, 2])
    np.testing.assert_array_equal(
        kept.probability([1, 3], (10, 15)), scores.probability([1], (10, 15))
    )
    assert kept.only([3]).probability([1, 2, 3], (10, 15)).max() == 0


def test_what_is_not_a_number_is_survived():
    logits = np.array([[[np.inf, np.nan]], [[-np.inf, 0]]], np.float32)
    scores = ClassScores(logits, Geometry((1, 2), (1, 2), (1, 2)))
    assert np.isfinite(scores.probability([0], (1, 2))).all()


def test_it_survives_pickling_and_cannot_be_written_to():
    scores = pickle.loads(pickle.dumps(_scores()))
    np.testing.assert_array_equal(scores.logits, _scores().logits)
    with pytest.raises(ValueError, match="read-only"):
        scores.logits[0] = 1


@pytest.mark.parametrize(
    "logits", [np.zeros((2, 3), np.float32), np.zeros((1, 0, 2), np.float32), np.zeros((2, 2, 2))]
)
def test_other_arrays_are_refused(logits):
    with pytest.raises(InputError, match="float32 of shape"):
        ClassScores(logits, Geometry((2, 2), (2, 2), (2, 2)))
