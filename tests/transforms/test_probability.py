import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from obvious_way import WAYS, cases, computed_by, enlarge, plain, smooth

from easyseg.errors import InputError
from easyseg.transforms import (
    Geometry,
    class_probability,
    probabilities,
    restore,
    winner_confidence,
)
from easyseg.transforms import probability as probability_module


@pytest.mark.parametrize("way", WAYS)
@given(case=cases())
@settings(deadline=None, max_examples=40)
def test_probabilities_are_those_of_the_obvious_way(
    way: str, case: tuple[torch.Tensor, Geometry]
) -> None:
    logits, geometry = case
    expected = enlarge(logits, geometry).softmax(dim=0).float().numpy()
    some = list(range(0, len(expected), 2))
    with computed_by(way):
        labels = restore(logits, geometry)
        confidence = winner_confidence(logits, geometry, labels.astype(np.int16))
        share = class_probability(logits, geometry, some)
    assert confidence.dtype == np.float32
    winners = np.take_along_axis(expected, labels[None].astype(int), axis=0)[0]
    np.testing.assert_allclose(confidence, winners, atol=1e-4)
    every = probabilities(logits, geometry, range(len(expected)))
    assert every.dtype == np.float32
    np.testing.assert_allclose(every, expected, atol=1e-4)
    assert share.dtype == np.float32
    assert share.max() <= 1
    np.testing.assert_allclose(share, expected[some].sum(axis=0), atol=1e-4)


def test_probabilities_come_in_the_order_asked_for() -> None:
    logits, geometry = smooth(5, 6, 6), plain((30, 40))
    every = probabilities(logits, geometry, range(5))
    np.testing.assert_allclose(every.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(probabilities(logits, geometry, (3, 0, 3)), every[[3, 0, 3]])
    assert probabilities(logits, geometry, []).shape == (0, 30, 40)


@pytest.mark.parametrize("class_id", [-1, 5, 1.5])
def test_probabilities_of_unknown_classes(class_id: Any) -> None:
    with pytest.raises(InputError, match=re.escape(f"class id {class_id} is not a whole number")):
        probabilities(smooth(5, 6, 6), plain((8, 8)), [class_id])
    with pytest.raises(InputError, match=re.escape(f"class id {class_id} is not a whole number")):
        class_probability(smooth(5, 6, 6), plain((8, 8)), [class_id])


@pytest.mark.parametrize("way", WAYS)
def test_confidence_by_hand(way: str) -> None:
    logits = torch.log(torch.tensor([[[1.0]], [[3.0]]]))
    labels = np.array([[0, 1, 255]], np.uint8)
    with computed_by(way):
        confidence = winner_confidence(logits, plain((1, 3)), labels)
    np.testing.assert_allclose(confidence, [[0.25, 0.75, 0]], atol=1e-6)


def test_confidence_of_a_hopeless_label_is_zero() -> None:
    logits = torch.tensor([[[500.0]], [[-500.0]]])
    confidence = winner_confidence(logits, plain((1, 2)), np.array([[0, 1]], np.uint8))
    np.testing.assert_array_equal(confidence, [[1, 0]])


def test_confidence_needs_labels_of_the_photograph() -> None:
    with pytest.raises(InputError, match=re.escape("of shape (8, 8), as restore gives them, got")):
        winner_confidence(smooth(3, 4, 4), plain((8, 8)), np.zeros((8, 9), np.uint8))
    with pytest.raises(InputError, match="whole numbers"):
        winner_confidence(smooth(3, 4, 4), plain((8, 8)), np.zeros((8, 8), np.float32))


def test_probability_of_all_classes_and_of_none() -> None:
    logits, geometry = smooth(5, 6, 6), plain((30, 40))
    every = class_probability(logits, geometry, range(5))
    np.testing.assert_allclose(every, 1, atol=1e-6)
    np.testing.assert_array_equal(class_probability(logits, geometry, []), 0)
    twice = class_probability(logits, geometry, [2, 2])
    np.testing.assert_array_equal(twice, class_probability(logits, geometry, [2]))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("factor", [1, 10, 60, 1000])
def test_probabilities_of_logits_far_apart(factor: float, way: str) -> None:
    # Between two corners, the leading logit itself may fall by more than float32's exponent holds.
    logits = torch.randn(1, 4, 3, 5, generator=torch.Generator().manual_seed(3)) * factor
    geometry = plain((20, 70))
    expected = enlarge(logits.double(), geometry).softmax(dim=0).numpy()
    with computed_by(way):
        for class_id in range(4):
            result = class_probability(logits, geometry, [class_id])
            np.testing.assert_allclose(result, expected[class_id], atol=2e-6 * max(10, factor))
    every = probabilities(logits, geometry, range(4))
    np.testing.assert_allclose(every, expected, atol=2e-6 * max(10, factor))


def test_probabilities_with_a_class_that_is_masked_in_places() -> None:
    logits = smooth(4, 6, 6)
    logits[0, 1] = -torch.inf
    logits[0, 2, 3:] = -torch.inf
    result = probabilities(logits, plain((40, 50)), range(4))
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(result[1], 0)
    np.testing.assert_allclose(result.sum(axis=0), 1, atol=1e-5)


def test_probabilities_do_not_depend_on_how_the_work_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logits, geometry = smooth(20, 12, 16), plain((100, 150))
    expected = class_probability(logits, geometry, [3, 4])
    monkeypatch.setattr(probability_module, "VALUES_AT_ONCE", 700)
    np.testing.assert_allclose(class_probability(logits, geometry, [3, 4]), expected, atol=1e-6)
