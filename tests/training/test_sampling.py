from functools import partial

import numpy as np
import pytest

from easyseg.datasets import Dataset, Item
from easyseg.errors import InputError
from easyseg.labels import LabelSet
from easyseg.training.prepare import hold_out
from easyseg.training.sampling import Sampler, class_holders


def masks(*rows: list[int], label_set: LabelSet | None = None) -> Dataset:
    items = []
    for number, row in enumerate(rows):
        labels = np.array([row], np.uint8)
        image = np.zeros((*labels.shape, 3), np.uint8)
        items.append(Item(str(number), partial(np.copy, image), partial(np.copy, labels)))
    return Dataset("masks", tuple(items), label_set)


def test_each_epoch_shows_each_photograph_once():
    sampler = Sampler(7, seed=1)
    drawn = [sampler.draw(number).index for number in range(21)]
    for start in (0, 7, 14):
        assert sorted(drawn[start : start + 7]) == list(range(7))
    assert drawn[:7] != drawn[7:14]
    assert drawn != [Sampler(7, seed=2).draw(number).index for number in range(21)]


def test_a_draw_does_not_depend_on_those_before():
    expected = [Sampler(50, seed=1).draw(number) for number in range(500)]
    sampler = Sampler(50, seed=1)
    for number in (499, 3, 250, 3):
        assert sampler.draw(number) == expected[number]


def test_rare_classes_are_seen_as_often_as_common_ones():
    data = masks(*[[0, 1]] * 98, [0, 2], [0, 2, 3])
    holders = class_holders(data, 6, workers=2)
    assert [held.tolist() for held in holders] == [
        list(range(100)), list(range(98)), [98, 99], [99], [], [],
    ]  # fmt: skip
    sampler = Sampler(100, seed=0, balance=1.0, holders=holders)
    draws = [sampler.draw(number) for number in range(2000)]
    counts = np.bincount([draw.focus for draw in draws], minlength=6)
    assert counts[4:].sum() == 0
    assert counts[:4].min() > 400
    for draw in draws:
        assert draw.focus is not None
        assert draw.index in holders[draw.focus]
    half = Sampler(100, seed=0, balance=0.5, holders=holders)
    chance = sum(half.draw(number).focus is None for number in range(1000))
    assert 400 < chance < 600


def test_a_wrong_mask_is_found_before_the_training():
    data = masks([0], [9], label_set=LabelSet.from_names("own", ["a", "b"]))
    with pytest.raises(InputError, match=r"'1' holds the ids \[9\]"):
        class_holders(data, 2, workers=2)


class TestHoldOut:
    def test_apart_and_together_all(self):
        data = masks(*[[0]] * 20)
        rest, held = hold_out(data, 0.25)
        assert held is not None
        assert len(held) == 5
        assert set(rest.names) | set(held.names) == set(data.names)
        assert not set(rest.names) & set(held.names)
        # By name: another order of the files changes nothing.
        _, again = hold_out(data.subset(reversed(range(20))), 0.25)
        assert again is not None
        assert set(again.names) == set(held.names)

    def test_at_least_one_of_each(self):
        rest, held = hold_out(masks([0], [0]), 0.01)
        assert (len(rest), held and len(held)) == (1, 1)
        rest, held = hold_out(masks([0], [0]), 0.99)
        assert (len(rest), held and len(held)) == (1, 1)
        data = masks([0])
        assert hold_out(data, 0) == (data, None)
        with pytest.raises(InputError, match="one photograph"):
            hold_out(data, 0.5)
