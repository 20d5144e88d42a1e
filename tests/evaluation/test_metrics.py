import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyseg._types import AnyArray
from easyseg.errors import InputError
from easyseg.evaluation.metrics import Accumulator, Scores, confusion_matrix
from easyseg.labels import PASCAL_VOC

# Four classes, of which 3 occurs nowhere. One pixel is void.
TRUTH = np.array([[0, 0, 0, 1], [1, 1, 2, 255]], np.uint8)
PREDICTED = np.array([[0, 0, 1, 1], [1, 0, 1, 2]], np.uint8)
CONFUSION = np.array([[2, 1, 0, 0], [1, 2, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])

PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30)


class TestConfusionMatrix:
    def test_rows_are_the_truth(self) -> None:
        found = confusion_matrix(TRUTH, PREDICTED, 4)
        np.testing.assert_array_equal(found, CONFUSION, strict=True)

    def test_another_ignored_value(self) -> None:
        # What is predicted where the truth is ignored need not even be an id.
        found = confusion_matrix(np.array([0, 1, 1]), np.array([9, 0, 1]), 2, ignore=0)
        np.testing.assert_array_equal(found, [[0, 0], [1, 1]])

    @pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint64])
    def test_any_integer_type(self, dtype: type[np.integer]) -> None:
        truth = np.array([0, 1, 1, 2], dtype)
        predicted = np.array([0, 1, 2, 2], np.uint8)
        expected = [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
        np.testing.assert_array_equal(confusion_matrix(truth, predicted, 3), expected)

    def test_many_classes_do_not_overflow(self) -> None:
        last = np.full((2, 3), 254, np.uint8)
        assert confusion_matrix(last, last, 255)[254, 254] == 6

    def test_all_ignored_and_empty(self) -> None:
        void = np.full((2, 2), 255, np.uint8)
        nothing = np.zeros((0, 5), np.uint8)
        for truth in (void, nothing):
            np.testing.assert_array_equal(confusion_matrix(truth, truth, 2), np.zeros((2, 2)))

    def test_inputs_are_left_alone(self) -> None:
        truth, predicted = TRUTH.copy(), PREDICTED.copy()
        confusion_matrix(truth, predicted, 4)
        np.testing.assert_array_equal(truth, TRUTH)
        np.testing.assert_array_equal(predicted, PREDICTED)

    @pytest.mark.parametrize(
        ("truth", "predicted", "message"),
        [
            (
                np.zeros((2, 3), int),
                np.zeros((3, 2), int),
                r"same shape, got \(2, 3\) and \(3, 2\)",
            ),
            (np.zeros(6, int), np.zeros((2, 3), int), "same shape"),
            (np.zeros(2), np.zeros(2, int), "truth must hold integers, got float64"),
            (np.zeros(2, int), np.zeros(2, bool), "predicted must hold integers, got bool"),
            ([0, 1], np.zeros(2, int), "truth must be a NumPy array of integers, not list"),
            (np.array([0, 4]), np.array([0, 0]), "truth must hold ids from 0 to 3 .* got 0 to 4"),
            (np.array([-1, 0]), np.array([0, 0]), "truth must hold ids .* got -1 to 0"),
            (np.array([0, 0]), np.array([0, 255]), "predicted must hold ids .* got 0 to 255"),
            (np.array([2**63], np.uint64), np.array([0]), "truth must hold ids"),
        ],
    )
    def test_refuses(self, truth: AnyArray, predicted: AnyArray, message: str) -> None:
        with pytest.raises(InputError, match=message):
            confusion_matrix(truth, predicted, 4)

    def test_ignore_none_counts_everything(self) -> None:
        with pytest.raises(InputError, match="got 0 to 255"):
            confusion_matrix(TRUTH, TRUTH, 4, ignore=None)

    @pytest.mark.parametrize("num_classes", [0, -1, 2.0, True, "2"])
    def test_refuses_a_number_of_classes(self, num_classes: int) -> None:
        with pytest.raises(InputError, match="num_classes must be"):
            confusion_matrix(TRUTH, PREDICTED, num_classes)

    @settings(deadline=None, max_examples=50)
    @given(data=st.data(), num_classes=st.integers(2, 6), pixels=st.integers(1, 60))
    def test_equals_scikit_learn(self, data: st.DataObject, num_classes: int, pixels: int) -> None:
        metrics = pytest.importorskip("sklearn.metrics")
        row = st.lists(st.integers(0, num_classes - 1), min_size=pixels, max_size=pixels)
        truth, predicted = np.array(data.draw(row)), np.array(data.draw(row))
        void = np.array(data.draw(st.lists(st.booleans(), min_size=pixels, max_size=pixels)))
        expected = np.zeros((num_classes, num_classes), np.int64)
        if not void.all():
            expected = metrics.confusion_matrix(
                truth[~void], predicted[~void], labels=range(num_classes)
            )
        found = confusion_matrix(np.where(void, 255, truth), predicted, num_classes)
        np.testing.assert_array_equal(found, expected)


class TestScores:
    def test_a_case_by_hand(self) -> None:
        scores = Scores(CONFUSION)
        np.testing.assert_array_equal(scores.class_iou, [2 / 4, 2 / 5, 0, np.nan])
        np.testing.assert_array_equal(scores.class_accuracy, [2 / 3, 2 / 3, 0, np.nan])
        assert scores.mean_iou == pytest.approx(0.9 / 3)
        assert scores.mean_accuracy == pytest.approx(4 / 9)
        assert scores.pixel_accuracy == pytest.approx(4 / 7)
        assert scores.pixels == 7

    def test_a_class_that_is_only_predicted_counts_in_the_iou_alone(self) -> None:
        scores = Scores(np.array([[3, 1], [0, 0]]))
        np.testing.assert_array_equal(scores.class_iou, [0.75, 0])
        np.testing.assert_array_equal(scores.class_accuracy, [0.75, np.nan])
        assert scores.mean_iou == 0.375
        assert scores.mean_accuracy == 0.75

    def test_perfect(self) -> None:
        scores = Scores(np.diag([5, 7]))
        assert (scores.mean_iou, scores.mean_accuracy, scores.pixel_accuracy) == (1, 1, 1)

    def test_nothing_counted(self) -> None:
        scores = Scores(np.zeros((3, 3), int))
        for value in (scores.mean_iou, scores.mean_accuracy, scores.pixel_accuracy):
            assert math.isnan(value)
        assert "mean_iou=nan" in repr(scores)

    def test_to_dict_is_plain_json(self) -> None:
        found = Scores(CONFUSION, ("a", "b", "c", "d")).to_dict()
        assert found == json.loads(json.dumps(found, allow_nan=False))
        assert found["mean_iou"] == pytest.approx(0.3)
        assert found["pixels"] == 7
        assert found["classes"][1:4:2] == [  # type: ignore[index]
            {"id": 1, "name": "b", "iou": 0.4, "accuracy": 2 / 3, "pixels": 3},
            {"id": 3, "name": "d", "iou": None, "accuracy": None, "pixels": 0},
        ]

    def test_to_dict_of_nothing(self) -> None:
        found = Scores(np.zeros((1, 1), int)).to_dict()
        nobody = {"id": 0, "name": None, "iou": None, "accuracy": None, "pixels": 0}
        assert found == {
            "mean_iou": None,
            "pixel_accuracy": None,
            "mean_accuracy": None,
            "pixels": 0,
            "classes": [nobody],
        }

    def test_is_frozen(self) -> None:
        confusion = CONFUSION.copy()
        scores = Scores(confusion)
        confusion[:] = 0
        assert scores.pixels == 7
        with pytest.raises(ValueError, match="read-only"):
            scores.confusion[0, 0] = 1

    @pytest.mark.parametrize(
        "confusion",
        [
            np.zeros((2, 3), int),
            np.zeros(4, int),
            np.zeros((0, 0), int),
            np.array([[1, -1], [0, 0]]),
            np.zeros((2, 2)),
            [[1]],
        ],
    )
    def test_refuses(self, confusion: AnyArray) -> None:
        with pytest.raises(InputError, match="confusion must"):
            Scores(confusion)

    def test_refuses_a_wrong_number_of_names(self) -> None:
        with pytest.raises(InputError, match="4 classes need as many names, got 2"):
            Scores(CONFUSION, ("a", "b"))

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=4, max_size=4))
    def test_bounds(self, rows: list[list[int]]) -> None:
        scores = Scores(np.array(rows))
        iou, accuracy = scores.class_iou, scores.class_accuracy
        known = ~np.isnan(accuracy)
        assert (iou[known] <= accuracy[known]).all()
        assert ((iou[known] >= 0) & (accuracy[known] <= 1)).all()
        np.testing.assert_array_equal(np.isnan(accuracy), scores.confusion.sum(axis=1) == 0)


class TestAccumulator:
    def test_sums_pictures_of_any_size(self) -> None:
        total = Accumulator(4)
        total.add(TRUTH, PREDICTED)
        before = total.scores
        total.add(np.array([[3]]), np.array([[3]]))

        expected = CONFUSION.copy()
        expected[3, 3] = 1
        np.testing.assert_array_equal(total.scores.confusion, expected)
        np.testing.assert_array_equal(before.confusion, CONFUSION)
        assert total.images == 2

    def test_is_not_the_mean_over_pictures(self) -> None:
        total = Accumulator(2)
        total.add(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]))
        total.add(np.array([1]), np.array([1]))
        np.testing.assert_array_equal(total.scores.class_iou, [3 / 4, 1 / 2])

    def test_a_label_set_gives_the_names(self) -> None:
        total = Accumulator(PASCAL_VOC)
        total.add(np.array([15, 255]), np.array([15, 0]))
        assert total.scores.names == PASCAL_VOC.names
        assert total.scores.class_iou[PASCAL_VOC.find("person")] == 1

    def test_a_bad_picture_is_not_counted(self) -> None:
        total = Accumulator(2)
        with pytest.raises(InputError, match="same shape"):
            total.add(np.zeros((2, 2), int), np.zeros((2, 3), int))
        assert total.images == 0
        assert total.scores.pixels == 0

    @pytest.mark.parametrize("classes", [0, None, True])
    def test_refuses(self, classes: int) -> None:
        with pytest.raises(InputError, match="num_classes must be"):
            Accumulator(classes)

    @settings(deadline=None, max_examples=30)
    @given(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30), st.integers(0, 30)
    )
    def test_parts_add_up(self, pairs: list[tuple[int, int]], cut: int) -> None:
        truth, predicted = np.array(pairs, np.int64).reshape(-1, 2).T
        total = Accumulator(3)
        total.add(truth[:cut], predicted[:cut])
        total.add(truth[cut:], predicted[cut:])
        np.testing.assert_array_equal(total.scores.confusion, confusion_matrix(truth, predicted, 3))
