"""The facade, against the table of PixelLib 0.7.1."""

import copy
import inspect
import json
import logging
import pickle
from pathlib import Path

import numpy as np
import pytest

from easyseg import semantic
from easyseg.errors import InputError, MediaError, ModelError
from easyseg.labels import ADE20K, PASCAL_VOC, LabelSet
from easyseg.pictures import image as media
from easyseg.result import Segmentation
from easyseg.semantic import models as module
from easyseg.semantic import semantic_segmentation

REQUIRED = inspect.Parameter.empty

# PixelLib's parameters that can be given by position, in order, with their defaults. Only
# model_path, required there, may be left out here.
PIXELLIB = {
    "__init__": {"model_type": "h5"},
    "load_pascalvoc_model": {"model_path": None},
    "load_ade20k_model": {"model_path": None},
    "segmentAsPascalvoc": {
        "image_path": REQUIRED, "process_frame": False, "output_image_name": None,
        "overlay": False, "verbose": None,
    },
    "segmentFrameAsPascalvoc": {
        "frame": REQUIRED, "output_frame_name": None, "overlay": False, "verbose": None,
    },
    "segmentAsAde20k": {
        "image_path": REQUIRED, "output_image_name": None, "overlay": False,
        "extract_segmented_objects": False, "process_frame": False, "verbose": None,
    },
    "segmentFrameAsAde20k": {
        "frame": REQUIRED, "output_frame_name": None, "overlay": False, "verbose": None,
        "extract_segmented_objects": False,
    },
}  # fmt: skip
FUNCTIONS = {
    "create_pascal_label_colormap": {},
    "create_ade20k_label_colormap": {},
    "create_ade20k_label_namemap": {},
    "obtain_segmentation": {"image": REQUIRED, "nc": 21},
    "labelP_to_color_image": {"label": REQUIRED},
    "labelAde20k_to_color_image": {"label": REQUIRED},
}
EXTRAS = {"alpha": 0.7, "legend": False, "outline": False, "classes": None, "long_names": False}

# 12 pixels: 6 of the first, 4 of the second, 2 of the third.
LABELS = {
    "voc": np.array([[0, 0, 0, 15], [0, 0, 0, 15], [8, 8, 15, 15]], np.uint8),
    "ade20k": np.array([[44, 44, 44, 12], [44, 44, 44, 12], [0, 0, 12, 12]], np.uint8),
}
SETS = {"voc": PASCAL_VOC, "ade20k": ADE20K}


class FakeSegmenter:
    """Reads the picture, and finds the labels it was told to find, or class 1 in what is red."""

    def __init__(self, label_set: LabelSet, labels: np.ndarray | None) -> None:
        self.label_set = label_set
        self.labels = labels

    def __call__(self, source, *, color="rgb"):
        picture = media.read(source, color=color)
        labels = self.labels
        if labels is None:
            labels = np.uint8(picture[..., 0] > picture[..., 2])
        return Segmentation(labels, self.label_set, picture, "fake", {"total": 0.25})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list:
    """Segmenters that find LABELS; lists what was asked for."""
    calls: list = []

    def cached_segmenter(*arguments, dataset):
        calls.append((*arguments, dataset))
        return FakeSegmenter(SETS[dataset], LABELS[dataset])

    monkeypatch.setattr(module, "cached_segmenter", cached_segmenter)
    return calls


@pytest.fixture
def red_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segmenters that find class 1 where a pixel is more red than blue."""
    monkeypatch.setattr(
        module, "cached_segmenter", lambda *_, dataset: FakeSegmenter(SETS[dataset], None)
    )


@pytest.fixture
def frame() -> np.ndarray:
    """A picture that fits LABELS, BGR."""
    return np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)


def calls(segmenter: semantic_segmentation, picture, **options):
    """The four ways to segment a frame, by name."""
    return {
        "segmentAsPascalvoc": lambda: segmenter.segmentAsPascalvoc(picture, True, **options),
        "segmentFrameAsPascalvoc": lambda: segmenter.segmentFrameAsPascalvoc(picture, **options),
        "segmentAsAde20k": lambda: segmenter.segmentAsAde20k(
            picture, process_frame=True, **options
        ),
        "segmentFrameAsAde20k": lambda: segmenter.segmentFrameAsAde20k(picture, **options),
    }


WAYS = ["segmentAsPascalvoc", "segmentFrameAsPascalvoc", "segmentAsAde20k", "segmentFrameAsAde20k"]


class TestSignatures:
    @pytest.mark.parametrize("name", PIXELLIB)
    def test_methods(self, name: str):
        parameters = list(
            inspect.signature(getattr(semantic_segmentation, name)).parameters.values()
        )[1:]
        positional = {
            p.name: p.default
            for p in parameters
            if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        }
        assert list(positional.items()) == list(PIXELLIB[name].items())
        keywords = {p.name: p.default for p in parameters if p.name not in positional}
        assert keywords == (EXTRAS if name.startswith("segment") else {})

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_functions(self, name: str):
        parameters = inspect.signature(getattr(semantic, name)).parameters.values()
        assert {p.name: p.default for p in parameters} == FUNCTIONS[name]


class TestValues:
    @pytest.mark.parametrize("name", WAYS)
    def test_all_of_them(self, asked: list, frame: np.ndarray, name: str):
        output = calls(semantic_segmentation(), frame)[name]()
        assert isinstance(output, tuple)
        values, picture = output
        is_voc = name.endswith("Pascalvoc")
        assert list(values) == ["class_ids", "class_names", "class_colors", "masks", "ratios"]
        labels = LABELS["voc" if is_voc else "ade20k"]
        if is_voc:
            assert values["class_ids"] == [0, 15, 8]
            assert values["class_names"] == ["background", "person", "cat"]
            assert values["class_colors"] == [(0, 0, 0), (192, 128, 128), (64, 0, 0)]
        else:  # PixelLib's ids and names
            assert values["class_ids"] == [45, 13, 1]
            assert values["class_names"] == ["chest", "person", "wall"]
            assert values["class_colors"] == [(6, 51, 255), (150, 5, 61), (120, 120, 120)]
        inner = [i if is_voc else i - 1 for i in values["class_ids"]]
        np.testing.assert_array_equal(values["masks"], np.stack([labels == i for i in inner]))
        assert values["masks"].dtype == np.bool_
        assert values["ratios"] == pytest.approx([50, 100 / 3, 100 / 6])
        assert picture.shape == frame.shape

    def test_types_are_plain(self, asked: list, frame: np.ndarray):
        values, objects, _ = semantic_segmentation().segmentFrameAsAde20k(
            frame, extract_segmented_objects=True
        )
        plain = {key: value for key, value in values.items() if key != "masks"}
        assert json.loads(json.dumps(plain))["class_ids"] == [45, 13, 1]
        assert {type(i) for i in values["class_ids"]} == {int}
        assert {type(ratio) for ratio in values["ratios"]} == {float}
        json.dumps([{k: v for k, v in one.items() if k != "masks"} for one in objects])

    def test_long_names(self, asked: list, frame: np.ndarray):
        values, _ = semantic_segmentation().segmentAsAde20k(frame, long_names=True)
        assert values["class_names"] == ["chest of drawers", "person", "wall"]

    @pytest.mark.parametrize("name", ["segmentAsAde20k", "segmentFrameAsAde20k"])
    def test_objects(self, asked: list, frame: np.ndarray, name: str):
        way = calls(semantic_segmentation(), frame, extract_segmented_objects=True)[name]
        values, objects, picture = way()
        assert picture.shape == frame.shape
        assert [one["class_id"] for one in objects] == [45, 13, 1]
        for index, one in enumerate(objects):
            assert set(one) == {"class_id", "class_name", "class_color", "masks", "ratio"}
            np.testing.assert_array_equal(one["masks"], values["masks"][index])
            assert one["masks"].shape == frame.shape[:2]
            assert one["ratio"] == values["ratios"][index]
            assert one["class_name"] == values["class_names"][index]
            assert one["class_color"] == values["class_colors"][index]

    def test_the_result_behind(self, asked: list, frame: np.ndarray):
        output = semantic_segmentation().segmentAsAde20k(frame)
        assert isinstance(output.segmentation, Segmentation)
        np.testing.assert_array_equal(output.segmentation.labels, LABELS["ade20k"])
        np.testing.assert_array_equal(output.segmentation.image, frame[..., ::-1])

    @pytest.mark.parametrize("twin", [copy.copy, lambda o: pickle.loads(pickle.dumps(o))])
    def test_the_output_can_be_copied(self, asked: list, frame: np.ndarray, twin):
        output = semantic_segmentation().segmentAsAde20k(frame)
        other = twin(output)
        assert type(other) is type(output)
        assert other[0]["class_ids"] == [45, 13, 1]
        np.testing.assert_array_equal(other[1], output[1])
        np.testing.assert_array_equal(other.segmentation.labels, output.segmentation.labels)


class TestClasses:
    @pytest.mark.parametrize(
        ("classes", "ids"),
        [
            ("person", [13]),
            (13, [13]),
            (np.int64(13), [13]),
            (["wall", 45], [45, 1]),
            (np.array([1, 45]), [45, 1]),
            ((name for name in ("dresser", "person")), [45, 13]),
            ("flag", []),
        ],
    )
    def test_ids_are_pixellibs(self, asked: list, frame: np.ndarray, classes, ids: list[int]):
        values, picture = semantic_segmentation().segmentAsAde20k(frame, classes=classes)
        assert values["class_ids"] == ids
        assert values["masks"].shape == (len(ids), 3, 4)
        others = ~values["masks"].any(axis=0)
        np.testing.assert_array_equal(picture[others], 0)

    @pytest.mark.parametrize("classes", [0, 151, -1, [1, 0]])
    def test_ids_out_of_range(self, asked: list, frame: np.ndarray, classes):
        with pytest.raises(
            InputError, match=r"ids 1 \(wall\) to 150 \(flag\) here, as in PixelLib"
        ):
            semantic_segmentation().segmentAsAde20k(frame, classes=classes)

    @pytest.mark.parametrize("classes", [True, 1.0, b"wall", [], None.__class__, "wal"])
    def test_what_is_no_class(self, asked: list, frame: np.ndarray, classes):
        with pytest.raises(InputError):
            semantic_segmentation().segmentAsAde20k(frame, classes=classes)

    def test_voc_counts_from_the_background(self, asked: list, frame: np.ndarray):
        values, _ = semantic_segmentation().segmentAsPascalvoc(frame, classes=[0, 8])
        assert values["class_ids"] == [0, 8]
        with pytest.raises(InputError, match=r"0 \(background\) to 20"):
            semantic_segmentation().segmentAsPascalvoc(frame, classes=21)


class TestPictures:
    @pytest.mark.parametrize("name", WAYS)
    def test_plain_colours_are_bgr(self, asked: list, frame: np.ndarray, name: str):
        values, picture = calls(semantic_segmentation(), frame)[name]()
        assert picture.dtype == np.uint8
        assert picture.flags.c_contiguous
        assert picture.flags.writeable
        for color, mask in zip(values["class_colors"], values["masks"], strict=True):
            np.testing.assert_array_equal(
                picture[mask], np.broadcast_to(color[::-1], picture[mask].shape)
            )

    @pytest.mark.parametrize("name", WAYS)
    def test_overlay_at_alpha_0_is_the_frame_itself(
        self, asked: list, frame: np.ndarray, name: str
    ):
        before = frame.copy()
        _, picture = calls(semantic_segmentation(), frame, overlay=True, alpha=0)[name]()
        np.testing.assert_array_equal(picture, before)
        np.testing.assert_array_equal(frame, before)

    def test_overlay_leaves_the_background_and_blends_70_percent(self, asked: list):
        frame = np.full((3, 4, 3), 100, np.uint8)
        values, picture = semantic_segmentation().segmentFrameAsPascalvoc(frame, overlay=True)
        background, person, _ = values["masks"]
        np.testing.assert_array_equal(picture[background], 100)
        blue, green, red = 0.3 * 100 + 0.7 * np.array([128, 128, 192])
        np.testing.assert_allclose(picture[person][0], [blue, green, red], atol=1)

    @pytest.mark.parametrize(("name", "option"), [("legend", True), ("outline", True)])
    def test_legend_and_outline_are_options(self, red_is_one: None, name: str, option: bool):
        frame = np.zeros((200, 300, 3), np.uint8)
        frame[50:150, 50:250, 2] = 200
        segmenter = semantic_segmentation()
        plain = segmenter.segmentFrameAsAde20k(frame, None, True)[1]
        drawn = segmenter.segmentFrameAsAde20k(frame, None, True, **{name: option})[1]
        assert np.any(plain != drawn)

    @pytest.mark.parametrize("suffix", [".png", ".jpg"])
    def test_a_red_photograph_stays_red(self, red_is_one: None, tmp_path: Path, suffix: str):
        photograph, written = tmp_path / f"red{suffix}", tmp_path / f"out{suffix}"
        media.write(photograph, np.full((40, 60, 3), (255, 0, 0), np.uint8))
        segmenter = semantic_segmentation()
        output = segmenter.segmentAsAde20k(str(photograph), str(written), True, alpha=0)
        np.testing.assert_allclose(output[1], np.full((40, 60, 3), (0, 0, 255)), atol=3)
        np.testing.assert_allclose(media.read(written), np.full((40, 60, 3), (255, 0, 0)), atol=3)
        assert output[0]["class_names"] == ["building"]  # class 1, where it is red

    def test_a_frame_in_bgr_is_the_file_in_rgb(self, red_is_one: None, tmp_path: Path):
        image = np.random.default_rng(1).integers(0, 256, (21, 33, 3), np.uint8)
        media.write(tmp_path / "photograph.png", image)
        segmenter = semantic_segmentation()
        of_file = segmenter.segmentAsPascalvoc(tmp_path / "photograph.png", overlay=True)
        frame = np.ascontiguousarray(image[..., ::-1])
        for way in calls(segmenter, frame, overlay=True).values():
            of_frame = way()
            np.testing.assert_array_equal(of_frame.segmentation.labels, of_file.segmentation.labels)
        of_frame = segmenter.segmentFrameAsPascalvoc(frame, overlay=True)
        np.testing.assert_array_equal(of_frame[1], of_file[1])
        # With and without process_frame an array is the same.
        np.testing.assert_array_equal(
            segmenter.segmentAsPascalvoc(frame, overlay=True)[1], of_file[1]
        )

    @pytest.mark.parametrize("name", WAYS)
    def test_the_returned_picture_is_written(
        self, asked: list, frame: np.ndarray, tmp_path: Path, name: str
    ):
        path = tmp_path / "out.png"
        keyword = "output_frame_name" if "Frame" in name else "output_image_name"
        output = calls(semantic_segmentation(), frame, overlay=True, **{keyword: path})[name]()
        np.testing.assert_array_equal(media.read(path)[..., ::-1], output[1])

    def test_what_cannot_be_written_or_drawn(self, asked: list, frame: np.ndarray, tmp_path: Path):
        segmenter = semantic_segmentation()
        with pytest.raises(MediaError, match="nowhere"):
            segmenter.segmentFrameAsPascalvoc(frame, tmp_path / "nowhere" / "out.png")
        with pytest.raises(InputError, match="alpha"):
            segmenter.segmentFrameAsPascalvoc(frame, overlay=True, alpha=7)

    def test_one_picture_at_a_time(self, asked: list, frame: np.ndarray):
        with pytest.raises(InputError, match="one picture"):
            semantic_segmentation().segmentAsPascalvoc([frame, frame])


class TestVerbose:
    @pytest.mark.parametrize(
        ("verbose", "level"), [(True, "INFO"), (None, "DEBUG"), (False, "DEBUG")]
    )
    def test_it_is_logged_and_not_printed(
        self, asked: list, frame: np.ndarray, verbose, level, caplog, capfd
    ):
        with caplog.at_level(logging.DEBUG, "easyseg"):
            semantic_segmentation().segmentAsAde20k(frame, verbose=verbose)
        (record,) = caplog.records
        assert (record.name, record.levelname) == ("easyseg.semantic", level)
        assert "chest of drawers 50.0 %" in record.getMessage()
        assert capfd.readouterr() == ("", "")


class TestLoading:
    @pytest.mark.parametrize("model_type", ["h5", "pb"])
    def test_the_constructor_loads_nothing(self, asked: list, model_type: str):
        assert semantic_segmentation(model_type).model_type == model_type
        assert asked == []

    def test_wrong_model_type(self):
        with pytest.raises(InputError, match="'h5' or 'pb'"):
            semantic_segmentation("onnx")

    def test_models_are_loaded_at_once_and_kept(self, asked: list, frame: np.ndarray):
        segmenter = semantic_segmentation()
        assert segmenter.load_pascalvoc_model("mine.pt") is None
        segmenter.load_ade20k_model(model_path=Path("other.pt"))
        assert asked == [("mine.pt", "voc"), (Path("other.pt"), "ade20k")]
        segmenter.segmentFrameAsPascalvoc(frame)
        segmenter.segmentFrameAsAde20k(frame)
        assert len(asked) == 2

    def test_without_loading_the_default_is_taken(self, asked: list, frame: np.ndarray):
        segmenter = semantic_segmentation()
        for _ in range(2):
            segmenter.segmentFrameAsAde20k(frame)
        assert asked == [("ade20k",)]
        segmenter.load_ade20k_model()
        assert asked == [("ade20k",)] * 2

    def test_objects_do_not_share_their_models(self, asked: list, frame: np.ndarray):
        one, other = semantic_segmentation(), semantic_segmentation("pb")
        one.load_pascalvoc_model("mine.pt")
        other.segmentFrameAsPascalvoc(frame)
        assert asked == [("mine.pt", "voc"), ("voc",)]

    def test_pixellibs_own_files(self, asked: list):
        segmenter = semantic_segmentation()
        for path in ("folder/xception_pascalvoc.pb", Path("A.PB")):
            with pytest.raises(ModelError, match="leave the path out"):
                segmenter.load_pascalvoc_model(path)
        assert asked == []
        segmenter.load_ade20k_model("deeplabv3_xception65_ade20k.h5")
        assert asked == [(Path("deeplabv3_xception65_ade20k.h5"), "ade20k")]  # not a model's name

    def test_what_is_wrong_is_said_at_loading(self, tmp_path: Path):
        segmenter = semantic_segmentation()
        with pytest.raises(ModelError, match=r"none\.pt"):
            segmenter.load_pascalvoc_model(tmp_path / "none.pt")
        with pytest.raises(ModelError, match=r"none\.h5"):
            segmenter.load_ade20k_model("none.h5")
        with pytest.raises(InputError, match="nonesuch"):
            segmenter.load_ade20k_model("nonesuch")
        with pytest.raises(InputError, match="ade20k"):
            segmenter.load_ade20k_model("deeplabv3plus_mobilenet_v2_tensorflow.voc")


class TestForReal:
    def test_a_cat(self, photographs: Path, tmp_path: Path):
        segmenter = semantic_segmentation()
        segmenter.load_pascalvoc_model("builtin")
        values, picture = segmenter.segmentAsPascalvoc(
            str(photographs / "chelsea.jpg"),
            output_image_name=str(tmp_path / "o.jpg"),
            overlay=True,
        )
        assert "cat" in values["class_names"]
        assert 99.9 < sum(values["ratios"]) < 100.1
        assert values["masks"].shape[1:] == picture.shape[:2] == (300, 451)
        assert (tmp_path / "o.jpg").stat().st_size > 1000
        bgr = np.ascontiguousarray(media.read(photographs / "chelsea.jpg")[..., ::-1])
        of_frame, _ = segmenter.segmentFrameAsPascalvoc(bgr)
        np.testing.assert_array_equal(of_frame["masks"], values["masks"])

    @pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 3)])
    def test_odd_sizes(self, shape: tuple[int, int]):
        frame = np.full((*shape, 3), 128, np.uint8)
        segmenter = semantic_segmentation()
        segmenter.load_pascalvoc_model("builtin")
        values, picture = segmenter.segmentFrameAsPascalvoc(frame, overlay=True)
        assert picture.shape == frame.shape
        assert values["masks"].shape == (len(values["class_ids"]), *shape)


class TestFunctions:
    def test_pascal_colormap(self):
        colormap = semantic.create_pascal_label_colormap()
        assert colormap.shape == (256, 3)
        np.testing.assert_array_equal(colormap[:21], PASCAL_VOC.palette)
        np.testing.assert_array_equal(colormap[255], [224, 224, 192])

    def test_ade20k_colormap_and_names(self):
        colormap = semantic.create_ade20k_label_colormap()
        assert colormap.shape == (151, 3)
        np.testing.assert_array_equal(colormap[[0, 1, 150]], [[0, 0, 0], [120] * 3, [92, 0, 255]])
        names = semantic.create_ade20k_label_namemap()
        assert list(names) == list(range(151))
        some = {0: "no class", 1: "wall", 45: "chest", 59: "screen_door", 150: "flag"}
        assert {i: names[i] for i in some} == some

    @pytest.mark.parametrize("dtype", [np.uint8, np.int64])
    def test_painting(self, dtype: type):
        labels = np.array([[0, 15], [3, 255]], dtype)
        voc = semantic.labelP_to_color_image(labels)
        np.testing.assert_array_equal(voc[0], [[0, 0, 0], [192, 128, 128]])
        # A bird is not white, and void is black where only 21 classes are painted.
        painted = semantic.obtain_segmentation(labels)
        np.testing.assert_array_equal(painted[1], [[128, 128, 0], [0, 0, 0]])
        np.testing.assert_array_equal(semantic.obtain_segmentation(labels, 256), voc)
        ade = semantic.labelAde20k_to_color_image(np.array([[0, 1, 150]], dtype))
        np.testing.assert_array_equal(ade, [[[0, 0, 0], [120, 120, 120], [92, 0, 255]]])
        assert voc.dtype == painted.dtype == ade.dtype == np.uint8

    @pytest.mark.parametrize(
        "function",
        [
            semantic.labelP_to_color_image,
            semantic.labelAde20k_to_color_image,
            semantic.obtain_segmentation,
        ],
    )
    @pytest.mark.parametrize(
        "label", [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2)), [[0]], np.zeros(4, int)]
    )
    def test_what_is_no_label_map(self, function, label):
        with pytest.raises(InputError, match="label map"):
            function(label)

    def test_labels_out_of_range(self):
        with pytest.raises(InputError, match="0 to 150, got 0 to 151"):
            semantic.labelAde20k_to_color_image(np.array([[0, 151]]))
        with pytest.raises(InputError, match="0 to 255, got -1 to 0"):
            semantic.labelP_to_color_image(np.array([[0, -1]]))
        with pytest.raises(InputError, match="nc"):
            semantic.obtain_segmentation(np.array([[0]]), 257)
        np.testing.assert_array_equal(semantic.obtain_segmentation(np.array([[-1]])), [[[0] * 3]])
