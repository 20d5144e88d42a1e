"""Annotations that are outlines and runs: labelme's and COCO's."""

import base64
import io
import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PillowImage

from easyseg.datasets import open_dataset
from easyseg.datasets.polygons import circle, fill_part, fill_polygon
from easyseg.datasets.rle import decode_rle, decompress
from easyseg.errors import InputError, MediaError
from easyseg.labels import PASCAL_VOC

PHOTOGRAPH = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)

COORDINATE = st.one_of(st.integers(-20, 80).map(lambda n: n / 4), st.floats(-5, 20, width=16))


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def drawn(text: str) -> np.ndarray:
    """A mask from a drawing of rows."""
    return np.array([[cell == "#" for cell in row] for row in text.split()])


class TestPolygons:
    def test_a_rectangle_covers_the_pixels_inside(self):
        mask = fill_polygon([(1, 1), (4, 1), (4, 3), (1, 3)], (4, 5))
        np.testing.assert_array_equal(mask, drawn("..... .###. .###. ....."))

    def test_a_pixel_counts_by_its_centre(self):
        mask = fill_polygon([(0.6, 0), (2.6, 0), (2.6, 1), (0.6, 1)], (1, 4))
        np.testing.assert_array_equal(mask, drawn(".##."))

    def test_a_triangle(self):
        mask = fill_polygon([(0, 0), (4, 0), (0, 4)], (4, 4))
        np.testing.assert_array_equal(mask, drawn("###. ##.. #... ...."))

    def test_a_star_crosses_itself(self):
        mask = fill_polygon([(0, 0), (4, 4), (4, 0), (0, 4)], (4, 4))
        assert mask.sum() == fill_polygon([(4, 0), (0, 4), (0, 0), (4, 4)], (4, 4)).sum()
        np.testing.assert_array_equal(mask, mask[::-1])

    def test_partly_and_wholly_outside(self):
        mask = fill_polygon([(-9, -9), (2, -9), (2, 99), (-9, 99)], (2, 4))
        np.testing.assert_array_equal(mask, drawn("##.. ##.."))
        assert not fill_polygon([(9, 9), (12, 9), (12, 12)], (4, 4)).any()

    @given(points=arrays(float, (5, 2), elements=st.floats(-3, 12, allow_subnormal=False)))
    @settings(max_examples=40, deadline=None)
    def test_it_is_the_even_odd_rule(self, points: np.ndarray):
        """Against the rule written for one pixel at a time."""
        mask = fill_polygon(points, (9, 9))
        following = np.roll(points, -1, axis=0)
        for row in range(9):
            y = row + 0.5
            spans = [
                x0 + (y - y0) * ((x1 - x0) / (y1 - y0))
                for (x0, y0), (x1, y1) in zip(points, following, strict=True)
                if (y0 <= y) != (y1 <= y)
            ]
            expected = [sum(x <= column + 0.5 for x in spans) % 2 == 1 for column in range(9)]
            assert mask[row].tolist() == expected

    @pytest.mark.parametrize("points", [[(0, 0), (1, 1)], [], [(0, 0, 0)] * 3, [(0, np.nan)] * 3])
    def test_no_polygon(self, points: Any):
        with pytest.raises(InputError, match="polygon"):
            fill_polygon(points, (4, 4))

    @given(
        st.lists(st.lists(st.tuples(COORDINATE, COORDINATE), min_size=3, max_size=7), max_size=4)
    )
    @settings(max_examples=100, deadline=None)
    def test_parts_are_those_of_the_obvious_way(self, rings):
        """By the obvious way: a toggle at every crossing, over the whole picture."""
        size = (11, 14)
        whole = np.zeros(size, np.bool_)
        for ring in rings:
            toggles = np.zeros((size[0], size[1] + 1), np.bool_)
            for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True):
                for row in range(size[0]):
                    if (y0 <= row + 0.5) != (y1 <= row + 0.5):
                        crossing = x0 + (row + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
                        toggles[row, int(np.clip(np.ceil(crossing - 0.5), 0, size[1]))] ^= True
            whole |= np.logical_xor.accumulate(toggles[:, :-1], axis=1)
        place, mask = fill_part(rings, size)
        there = np.zeros(size, np.bool_)
        there[place] = mask
        np.testing.assert_array_equal(there, whole)
        for ring in rings[:1]:
            assert fill_polygon(ring, size).shape == size

    def test_circle(self):
        mask = circle((2.5, 2.5), (4, 2.5), (5, 5))
        np.testing.assert_array_equal(mask, drawn("..... .###. .###. .###. ....."))


def compress(runs: list[int]) -> str:
    """COCO's writer, after its published C code."""
    text = ""
    for index, run in enumerate(runs):
        value = run - runs[index - 2] if index > 2 else run
        more = True
        while more:
            group = value & 31
            value >>= 5
            more = value != -1 if group & 16 else value != 0
            text += chr((group | 32 if more else group) + 48)
    return text


class TestRuns:
    def test_down_the_columns(self):
        mask = decode_rle({"size": [2, 3], "counts": [1, 3, 2]})
        np.testing.assert_array_equal(mask, drawn(".#. ##."))

    def test_a_mask_that_begins_with_ones(self):
        assert decode_rle({"size": [1, 2], "counts": [0, 1, 1]}).tolist() == [[True, False]]

    def test_known_text(self):
        # Worked out by hand from COCO's description of the format.
        assert decompress("414") == [4, 1, 4]
        assert decompress("T3") == [100]

    @given(st.lists(st.integers(0, 100_000), max_size=12))
    @settings(max_examples=60, deadline=None)
    def test_compressed_text_round_trip(self, runs: list[int]):
        assert decompress(compress(runs)) == runs
        assert decompress(compress(runs).encode()) == runs

    @pytest.mark.parametrize(
        "wrong",
        [
            {"size": [2, 2], "counts": [3]},
            {"size": [2, 2], "counts": [5, -1]},
            {"size": [2], "counts": [4]},
            {"counts": [4]},
            {"size": [2, 2], "counts": "d"},
            {"size": [2, 2], "counts": "é"},
            {"size": [2, 2], "counts": "4\x00"},
        ],
    )
    def test_wrong_runs(self, wrong: dict[str, Any]):
        with pytest.raises(InputError, match="run"):
            decode_rle(wrong)


def shape(label: str, points: Any, kind: str = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, **more}


SQUARE = [[1, 1], [4, 1], [4, 3], [1, 3]]
SHAPES = [
    shape("zebra", SQUARE),
    shape("apple", [[3, 2], [6, 5]], "rectangle"),
    shape("__ignore__", [[0, 5], [8, 6]], "rectangle"),
    shape("apple", [[0.5, 0.5], [0.9, 0.5]], "circle"),
    shape("apple", [[7, 0], [7, 1]], "line"),
]
EXPECTED = np.array(
    [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [0, 2, 2, 2, 0, 0, 0, 0],
        [0, 2, 2, 1, 1, 1, 0, 0],
        [0, 0, 0, 1, 1, 1, 0, 0],
        [0, 0, 0, 1, 1, 1, 0, 0],
        [255] * 8,
    ]
)


class TestLabelme:
    @pytest.fixture
    def annotation(self, tmp_path: Path) -> Path:
        return self.write(tmp_path / "one.json", SHAPES)

    def write(self, path: Path, shapes: list[dict[str, Any]], **more: Any) -> Path:
        (path.parent / "one.png").write_bytes(png(PHOTOGRAPH))
        content = {"imagePath": "one.png", "imageHeight": 6, "imageWidth": 8, "imageData": None}
        path.write_text(json.dumps({**content, "shapes": shapes, **more}))
        return path

    def test_names_are_collected_and_sorted(self, annotation: Path):
        data = open_dataset(annotation)
        assert data.label_set is not None
        assert data.label_set.names == ("background", "apple", "zebra")
        sample = data[0]
        assert sample.name == "one"
        np.testing.assert_array_equal(sample.labels, EXPECTED)
        np.testing.assert_array_equal(sample.image, PHOTOGRAPH)

    def test_a_folder_of_them_with_given_classes(self, tmp_path: Path):
        self.write(tmp_path / "b.json", [shape("cat", SQUARE)])
        self.write(tmp_path / "a.json", [shape("_background_", SQUARE), shape("Dog", SQUARE[:3])])
        data = open_dataset(tmp_path, label_set="voc")
        assert data.names == ("a", "b")
        assert set(np.unique(data.labels(0))) == {0, PASCAL_VOC.find("dog")}
        assert np.count_nonzero(data.labels(1) == PASCAL_VOC.find("cat")) == 6

    def test_the_photograph_inside_the_annotation(self, tmp_path: Path):
        data = base64.b64encode(png(PHOTOGRAPH)).decode()
        path = tmp_path / "one.json"
        content = {"imagePath": "..\\gone.png", "imageData": data, "shapes": SHAPES}
        path.write_text(json.dumps(content))
        sample = open_dataset(path)[0]
        np.testing.assert_array_equal(sample.image, PHOTOGRAPH)
        np.testing.assert_array_equal(sample.labels, EXPECTED)

    def test_a_stored_mask(self, tmp_path: Path):
        small = np.array([[1, 0], [1, 1]], np.uint8)
        stored = base64.b64encode(png(small)).decode()
        shapes = [shape("a", [[6, 4], [8, 6]], "mask", mask=stored)]
        shapes.append(shape("b", [[-1, -1], [1, 1]], "mask", mask=stored))
        labels = open_dataset(self.write(tmp_path / "one.json", shapes)).labels(0)
        expected = np.zeros((6, 8))
        expected[4:, 6:] = small
        expected[0, 0] = 2
        np.testing.assert_array_equal(labels, expected)

    @pytest.mark.parametrize(
        ("shapes", "message"),
        [
            ([shape("catt", SQUARE)], r"one\.json.*no class named 'catt'.*cat"),
            ([shape("cat", SQUARE[:2])], "at least 3 corners"),
            ([shape("cat", SQUARE, "spline")], "spline"),
            ([shape("cat", [[0, 0]], "circle")], "1 points"),
            ([shape("cat", [["x", 0], [1, 1], [2, 2]])], "pairs of numbers"),
        ],
    )
    def test_wrong_shapes(self, tmp_path: Path, shapes: list[dict[str, Any]], message: str):
        path = self.write(tmp_path / "one.json", shapes)
        with pytest.raises(InputError, match=message):
            open_dataset(path, label_set="voc").labels(0)

    def test_a_missing_photograph(self, annotation: Path):
        (annotation.parent / "one.png").unlink()
        with pytest.raises(MediaError, match=r"'one\.png'.*missing"):
            open_dataset(annotation).image(0)

    def test_a_photograph_of_another_size(self, tmp_path: Path):
        path = self.write(tmp_path / "one.json", SHAPES, imageHeight=7)
        with pytest.raises(InputError, match=r"6x8.*7x8"):
            open_dataset(path)[0]


class TestCoco:
    CONTENT: ClassVar = {
        "images": [
            {"id": 7, "file_name": "b.png", "height": 6, "width": 8},
            {"id": 3, "file_name": "a.png", "height": 6, "width": 8},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 18, "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]]},
            {
                "id": 2,
                "image_id": 7,
                "category_id": 1,
                "iscrowd": 1,
                "segmentation": {"size": [6, 8], "counts": [0, 18, 30]},
            },
        ],
    }

    def write(self, path: Path, content: Any, photographs: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        photographs.mkdir(parents=True, exist_ok=True)
        for name in ("a.png", "b.png"):
            (photographs / name).write_bytes(png(PHOTOGRAPH))
        return path

    def test_smaller_objects_lie_on_top(self, tmp_path: Path):
        path = self.write(tmp_path / "annotations.json", self.CONTENT, tmp_path / "images")
        data = open_dataset(path)
        assert data.label_set is not None
        assert data.label_set.names == ("background", "person", "dog")
        assert data.names == ("b", "a")
        expected = np.zeros((6, 8))
        expected[:, :3] = 1
        expected[1:3, 1:4] = 2
        np.testing.assert_array_equal(data[0].labels, expected)
        np.testing.assert_array_equal(data[1].labels, np.zeros((6, 8)))

    def test_the_official_folders(self, tmp_path: Path):
        folder = tmp_path / "annotations"
        photographs = tmp_path / "val2017"
        self.write(folder / "instances_val2017.json", self.CONTENT, photographs)
        self.write(folder / "instances_train2017.json", self.CONTENT, photographs)
        self.write(folder / "captions_val2017.json", {}, photographs)
        data = open_dataset(tmp_path, label_set="voc")
        assert data.names == ("b", "a")
        assert set(np.unique(data.labels(0))) == {0, PASCAL_VOC.find("person"), 12}

    def test_classes_without_a_background_leave_the_rest_void(self, tmp_path: Path):
        self.write(tmp_path / "annotations.json", self.CONTENT, tmp_path)
        content = {**self.CONTENT, "categories": [{"id": 1, "name": "person"}]}
        content["annotations"] = self.CONTENT["annotations"][1:]
        path = self.write(tmp_path / "annotations.json", content, tmp_path)
        labels = open_dataset(path, label_set="ade20k").labels(0)
        assert np.unique(labels).tolist() == [12, 255]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"segmentation": [[1, 1, 4, 1]]}, "at least 3 corners"),
            ({"segmentation": [[1, 1, 4]]}, "cannot reshape"),
            ({"segmentation": {"size": [8, 6], "counts": [48]}}, r"\(8, 6\)"),
            ({"category_id": 99}, "99"),
        ],
    )
    def test_wrong_annotations(self, tmp_path: Path, change: dict[str, Any], message: str):
        annotation = {**self.CONTENT["annotations"][0], **change}
        content = {**self.CONTENT, "annotations": [annotation]}
        path = self.write(tmp_path / "annotations.json", content, tmp_path)
        with pytest.raises(InputError, match=rf"annotation 1 of 'b\.png'.*{message}"):
            open_dataset(path).labels(0)

    def test_no_photographs(self, tmp_path: Path):
        path = self.write(tmp_path / "instances_val.json", self.CONTENT, tmp_path / "elsewhere")
        with pytest.raises(InputError, match=r"looked for 'b\.png' in"):
            open_dataset(path)

    def test_several_files(self, tmp_path: Path):
        for name in ("one.json", "two.json"):
            self.write(tmp_path / name, self.CONTENT, tmp_path)
        with pytest.raises(InputError, match=r"one\.json', 'two\.json'"):
            open_dataset(tmp_path)

    def test_some_other_json(self, tmp_path: Path):
        (tmp_path / "x.json").write_text("[1")
        with pytest.raises(InputError, match="neither"):
            open_dataset(tmp_path / "x.json")
