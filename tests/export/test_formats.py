"""What is exported is read back, by our own readers and by the formats' own."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PillowImage

from easyseg.datasets import open_dataset
from easyseg.datasets.folders import reduce_zero
from easyseg.datasets.polygons import fill_polygon
from easyseg.datasets.rle import decode_rle, encode_rle
from easyseg.errors import InputError
from easyseg.export import KINDS, ExportOptions, FolderWriter, detections, polygons, write_one
from easyseg.export.labelstudio import brush_rle
from easyseg.labels import ADE20K, PASCAL_VOC, LabelSet
from easyseg.pictures import image as media
from easyseg.pictures.masks import read_labels

EXACT = ExportOptions(simplify=0)


def photograph(result, path: Path) -> None:
    """Puts a picture of the right size to a path, and names it as the source."""
    media.write(path, result.image)
    result.source = str(path)


def test_palette(result, tmp_path: Path):
    result.labels[:2] = 255
    path = write_one(tmp_path / "a.png", result, "palette")
    np.testing.assert_array_equal(read_labels(path), result.labels)
    with PillowImage.open(path) as picture:
        assert picture.mode == "P"
        palette = np.reshape(picture.getpalette(), (-1, 3))
        colors = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(palette[: len(result.label_set)], result.label_set.palette)
    np.testing.assert_array_equal(colors[2:], result.label_set.palette[result.labels[2:]])
    assert palette[255].tolist() == [224, 224, 192]  # PASCAL VOC's void


def test_official_numbers(result, tmp_path: Path):
    result.labels[:2] = 255
    stored = read_labels(write_one(tmp_path / "a.png", result, "ids"))
    if result.label_set is ADE20K:
        np.testing.assert_array_equal(reduce_zero(stored), result.labels)
        assert stored.max() < 151
        assert (stored[:2] == 0).all()
    else:
        np.testing.assert_array_equal(stored, result.labels)


def test_official_numbers_of_a_set_of_ones_own(result, tmp_path: Path):
    result.label_set = LabelSet.from_names("mine", list("abcdef"))
    path = write_one(tmp_path / "a.png", result, "ids")
    np.testing.assert_array_equal(read_labels(path), result.labels)


def test_a_mask_for_each_class(result, tmp_path: Path):
    folder = write_one(tmp_path / "masks" / "a", result, "masks")
    labels = np.full_like(result.labels, 255)
    for path in folder.iterdir():
        mask = read_labels(path)
        assert set(np.unique(mask)) == {0, 255}
        labels[mask == 255] = int(path.name[:3])
    np.testing.assert_array_equal(labels, result.labels)
    name = "000_background.png" if result.label_set is PASCAL_VOC else "000_wall.png"
    assert (folder / name).is_file()


def test_polygons(result):
    labels = np.full_like(result.labels, 255)
    for polygon in polygons(result.labels, result.label_set):
        mask = fill_polygon(polygon.exterior, labels.shape)
        for hole in polygon.holes:
            mask ^= fill_polygon(hole, labels.shape)
        assert mask.sum() == polygon.pixels
        assert result.label_set.names[polygon.id] == polygon.name
        labels[mask] = polygon.id
    np.testing.assert_array_equal(labels, result.labels)
    chosen = polygons(result.labels, result.label_set, classes=[2], min_area=5)
    assert {polygon.id for polygon in chosen} == {2}
    assert min(polygon.pixels for polygon in chosen) >= 5


def test_geojson(result, tmp_path: Path):
    path = write_one(tmp_path / "a.geojson", result, "geojson")
    content = json.loads(path.read_text("utf-8"))
    labels = np.full_like(result.labels, 255)
    for feature in content["features"]:
        rings = feature["geometry"]["coordinates"]
        assert all(ring[0] == ring[-1] for ring in rings)
        mask = np.zeros(labels.shape, np.bool_)
        for ring in rings:
            mask ^= fill_polygon(ring[:-1], labels.shape)
        labels[mask] = feature["properties"]["id"]
    np.testing.assert_array_equal(labels, result.labels)
    assert content["size"] == {"width": 56, "height": 40}


def test_labelme(result, tmp_path: Path):
    result.labels[:3] = result.labels[20:24, 20:24] = 255
    photograph(result, tmp_path / "a.png")
    write_one(tmp_path / "a.json", result, "labelme", EXACT)
    (sample,) = open_dataset(tmp_path, label_set=result.label_set)
    np.testing.assert_array_equal(sample.labels, result.labels)
    np.testing.assert_array_equal(sample.image, result.image)


@given(
    arrays(np.uint8, (9, 11), elements=st.sampled_from([0, 1, 2, 255])),
    st.sampled_from([PASCAL_VOC, ADE20K]),
)
@settings(max_examples=40, deadline=None)
def test_labelme_with_anything_in_anything(labels: np.ndarray, label_set: LabelSet):
    from easyseg.datasets.labelme import _mask
    from easyseg.export.labelme import BACKGROUND, labelme

    read = np.full(labels.shape, 255 if label_set.background is None else 0)
    for shape in json.loads(labelme(labels, label_set, "a.png", simplify=0))["shapes"]:
        ids = {BACKGROUND: 0, "__ignore__": 255}
        name = shape["label"]
        class_id = ids[name] if name in ids else label_set.find(name)
        place, mask = _mask(shape, labels.shape, Path("a.json"))
        read[place][mask] = class_id
    np.testing.assert_array_equal(read, labels)


def test_labelme_of_a_picture_that_is_no_file(result, tmp_path: Path):
    result.image[:] = 77
    write_one(tmp_path / "a.json", result, "labelme", EXACT)
    (sample,) = open_dataset(tmp_path, label_set=result.label_set)
    np.testing.assert_array_equal(sample.image, result.image)


def test_labelme_finds_the_photograph_elsewhere(result, tmp_path: Path):
    (tmp_path / "pictures ü").mkdir()
    (tmp_path / "out").mkdir()
    photograph(result, tmp_path / "pictures ü" / "a, b.png")
    path = write_one(tmp_path / "out" / "a.json", result, "labelme")
    content = json.loads(path.read_text("utf-8"))
    assert content["imagePath"] == "../pictures ü/a, b.png"
    assert content["imageData"] is None


def test_coco(result, tmp_path: Path):
    photograph(result, tmp_path / "a.png")
    write_one(tmp_path / "all.json", result, "coco")
    (sample,) = open_dataset(tmp_path, label_set=result.label_set)
    np.testing.assert_array_equal(sample.labels, result.labels)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools")
def test_coco_with_pycocotools(result, tmp_path: Path, capsys):
    coco_module = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    path = write_one(tmp_path / "all.json", result, "coco", ExportOptions(min_area=3))
    coco = coco_module.COCO(str(path))
    (image,) = coco.loadImgs(coco.getImgIds())
    assert (image["height"], image["width"]) == result.labels.shape
    seen = np.zeros(result.labels.shape, int)
    for annotation in coco.loadAnns(coco.getAnnIds()):
        mask = coco.annToMask(annotation)
        name = coco.loadCats([annotation["category_id"]])[0]["name"]
        assert (result.labels[mask == 1] == result.label_set.find(name)).all()
        assert annotation["area"] == mask.sum() >= 3
        rows, columns = np.nonzero(mask)
        left, top, width, height = annotation["bbox"]
        assert (columns.min(), rows.min()) == (left, top)
        assert (columns.max() + 1, rows.max() + 1) == (left + width, top + height)
        seen += mask
    assert seen.max() == 1
    first = 1 if result.label_set is ADE20K else 0
    assert coco.getCatIds()[0] == 1
    assert coco.loadCats([first + 1])[0]["name"] == result.label_set.names[1]


def test_yolo(result, tmp_path: Path):
    path = write_one(tmp_path / "a.txt", result, "yolo", EXACT)
    background = result.label_set.background
    labels = np.full_like(result.labels, 255 if background is None else background)
    for line in path.read_text("ascii").splitlines():
        number, *numbers = line.split()
        shares = np.array(numbers, float).reshape(-1, 2)
        assert 0 <= shares.min() <= shares.max() <= 1
        mask = fill_polygon(shares * labels.shape[::-1], labels.shape)
        labels[mask] = int(number) + (background is not None)
    np.testing.assert_array_equal(labels, result.labels)


def test_npz(result, tmp_path: Path):
    result.confidence_map = np.full(result.labels.shape, 0.5, np.float32)
    with np.load(write_one(tmp_path / "a.npz", result, "npz")) as content:
        np.testing.assert_array_equal(content["labels"], result.labels)
        np.testing.assert_array_equal(content["palette"], result.label_set.palette)
        assert tuple(content["names"].tolist()) == result.label_set.names
        assert content["confidence"].dtype == np.float32
        assert content["void"] == 255


def decode_brush(data: bytes) -> np.ndarray:
    """Label Studio's reader, after its published code."""
    bits = "".join(f"{byte:08b}" for byte in data)
    place = 0

    def take(count: int) -> int:
        nonlocal place
        place += count
        return int(bits[place - count : place], 2)

    total, word = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        is_run, size = take(1), sizes[take(2)]
        length = take(size) + 1
        values += [take(word)] * length if is_run else [take(word) for _ in range(length)]
    return np.array(values)


@given(arrays(np.bool_, (5, 7)))
@settings(max_examples=40, deadline=None)
def test_brush_masks(mask: np.ndarray):
    decoded = decode_brush(brush_rle(mask)).reshape(5, 7, 4)
    np.testing.assert_array_equal(decoded, np.repeat(mask[..., None] * 255, 4, axis=2))


@pytest.mark.parametrize("width", [1, 2, 4, 64, 16384, 16385, 40000])
def test_long_runs_of_brush_masks(width: int):
    mask = np.zeros((2, width), np.bool_)
    mask[1] = True
    decoded = decode_brush(brush_rle(mask)).reshape(2, width, 4)
    assert (decoded[0] == 0).all()
    assert (decoded[1] == 255).all()


def test_labelstudio(result, tmp_path: Path):
    path = write_one(tmp_path / "a.json", result, "labelstudio")
    (task,) = json.loads(path.read_text("utf-8"))
    background = result.label_set.background
    labels = np.full_like(result.labels, 255 if background is None else background)
    for one in task["predictions"][0]["result"]:
        decoded = decode_brush(bytes(one["value"]["rle"])).reshape(*labels.shape, 4)
        (name,) = one["value"]["brushlabels"]
        labels[decoded[..., 3] > 0] = result.label_set.find(name)
    np.testing.assert_array_equal(labels, result.labels)


def test_run_lengths_are_pycocotools(result):
    mask_module = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    for class_id in range(6):
        mask = result.labels == class_id
        theirs = mask_module.encode(np.asfortranarray(mask.view(np.uint8)))
        assert encode_rle(mask) == {"size": [40, 56], "counts": theirs["counts"].decode()}


@given(arrays(np.bool_, (4, 3)), st.integers(0, 2), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_a_part_of_a_mask(part: np.ndarray, top: int, left: int):
    whole = np.zeros((6, 5), np.bool_)
    whole[top : top + 4, left : left + 3] = part
    encoded = encode_rle(part, corner=(top, left), size=(6, 5))
    assert encoded == encode_rle(whole)
    np.testing.assert_array_equal(decode_rle(encoded), whole)


def test_a_part_must_lie_within():
    with pytest.raises(InputError, match="does not fit into 6x5"):
        encode_rle(np.ones((4, 3), np.bool_), corner=(3, 0), size=(6, 5))


def test_detections(result):
    pytest.importorskip("supervision", reason="supervision is not installed")
    found = detections(result.labels, result.label_set)
    for mask, class_id in zip(found.mask, found.class_id, strict=True):
        np.testing.assert_array_equal(mask, result.labels == class_id)
    objects = detections(result.labels, result.label_set, objects=True, min_area=10)
    assert len(objects) > len(found)


@pytest.mark.parametrize("objects", [False, True])
def test_detections_of_nothing_have_all_that_others_have(result, objects):
    pytest.importorskip("supervision", reason="supervision is not installed")
    nothing = result.label_set.void if result.label_set.background is None else 0
    result.labels[:] = nothing
    found = detections(result.labels, result.label_set, objects=objects)
    assert found.xyxy.shape == (0, 4)
    assert found.mask.shape == (0, *result.labels.shape)
    assert found.data["class_name"].tolist() == found.class_id.tolist() == []


def test_nothing_at_all(tmp_path: Path, result):
    result.labels[:] = 255
    for kind, (_, extension, _) in KINDS.items():
        write_one(tmp_path / f"{kind}{extension}", result, kind)
    assert json.loads((tmp_path / "coco.json").read_text("utf-8"))["annotations"] == []
    assert (tmp_path / "yolo.txt").read_text("ascii") == ""
    assert json.loads((tmp_path / "geojson.geojson").read_text("utf-8"))["features"] == []


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 3)])
def test_odd_sizes(size: tuple[int, int], result, tmp_path: Path):
    result.labels = np.ones(size, np.uint8)
    result.image = np.zeros((*size, 3), np.uint8)
    (tmp_path / "labelme").mkdir()
    photograph(result, tmp_path / "labelme" / "a.png")
    for kind, (_, extension, _) in KINDS.items():
        folder = tmp_path / "labelme" if kind == "labelme" else tmp_path
        write_one(folder / f"{kind}{extension}", result, kind)
    (sample,) = open_dataset(tmp_path / "labelme", label_set=result.label_set)
    np.testing.assert_array_equal(sample.labels, result.labels)


def test_a_folder(result, tmp_path: Path):
    out = tmp_path / "out"
    (tmp_path / "in" / "sub").mkdir(parents=True)
    with FolderWriter(out, list(KINDS)) as writer:
        for number, name in enumerate(["a", "sub/a", "sub/b, ü"]):
            result.labels = np.roll(result.labels, number)
            photograph(result, tmp_path / "in" / f"{name}.png")
            media.write(tmp_path / "in" / f"{name}.png", result.image)
            assert len(writer.add(result, name, f"{name}.png")) == len(KINDS)
            if number == 0:
                first = result.labels.copy()
    assert not list(out.rglob("*.part"))
    np.testing.assert_array_equal(read_labels(out / "palette" / "a.png"), first)
    assert (out / "masks" / "sub" / "a").is_dir()
    assert (out / "yolo" / "labels" / "sub" / "b, ü.txt").is_file()
    assert '  0: "wall"\n' in (out / "yolo" / "data.yaml").read_text("utf-8") or (
        '  0: "aeroplane"\n' in (out / "yolo" / "data.yaml").read_text("utf-8")
    )
    assert "<BrushLabels" in (out / "labelstudio.xml").read_text("utf-8")
    tasks = json.loads((out / "labelstudio.json").read_text("utf-8"))
    assert tasks[2]["data"]["image"] == "/data/local-files/?d=sub/b%2C%20%C3%BC.png"
    content = json.loads((out / "coco.json").read_text("utf-8"))
    assert [one["file_name"] for one in content["images"]] == ["a.png", "sub/a.png", "sub/b, ü.png"]
    ids = [one["id"] for one in content["annotations"]]
    assert ids == list(range(1, len(ids) + 1))
    (out / "coco.json").rename(tmp_path / "in" / "coco.json")
    samples = list(open_dataset(tmp_path / "in" / "coco.json", label_set=result.label_set))
    np.testing.assert_array_equal(samples[0].labels, first)
    np.testing.assert_array_equal(samples[2].labels, result.labels)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_was_added_before_an_error_is_kept(error, result, tmp_path: Path):
    def interrupted() -> None:
        with FolderWriter(tmp_path, ["coco", "labelstudio"]) as writer:
            writer.add(result, "a")
            writer.add(result, "b")
            raise error

    with pytest.raises(error):
        interrupted()
    assert len(json.loads((tmp_path / "coco.json").read_text("utf-8"))["images"]) == 2
    assert len(json.loads((tmp_path / "labelstudio.json").read_text("utf-8"))) == 2


def test_an_interrupted_piece_does_not_count(result, tmp_path: Path, monkeypatch):
    from easyseg.files import PendingFile

    write = PendingFile.write

    def half(self, data: bytes, *, reserve: int = 0) -> None:
        write(self, data[: len(data) // 2])
        self._size -= len(data) // 2
        raise KeyboardInterrupt

    writer = FolderWriter(tmp_path, ["coco"])
    writer.add(result, "a")
    monkeypatch.setattr(PendingFile, "write", half)
    with pytest.raises(KeyboardInterrupt):
        writer.add(result, "b")
    monkeypatch.undo()
    writer.close()
    content = json.loads((tmp_path / "coco.json").read_text("utf-8"))
    assert [one["file_name"] for one in content["images"]] == ["a.jpg"]


@pytest.mark.parametrize(
    ("kind", "name", "options", "words"),
    [
        ("png", "a.png", {}, "no export 'png': choose from palette, ids"),
        ("palette", "a.jpg", {}, r"goes to a \.png file, not to"),
        ("coco", "a.json", {"min_area": -1}, "min_area"),
        ("coco", "a.json", {"min_area": 1.5}, "min_area"),
        ("yolo", "a.txt", {"simplify": -1}, "simplify"),
        ("yolo", "a.txt", {"simplify": float("nan")}, "simplify"),
    ],
)
def test_wrong_options(kind, name, options, words, result, tmp_path: Path):
    with pytest.raises(InputError, match=words):
        write_one(tmp_path / name, result, kind, ExportOptions(**options))
    assert not list(tmp_path.iterdir())


def test_an_old_file_stays_when_writing_fails(result, tmp_path: Path, monkeypatch):
    from easyseg.export import coco

    (tmp_path / "a.json").write_text("old")
    monkeypatch.setattr(coco.json, "dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_one(tmp_path / "a.json", result, "coco")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_png_bytes_are_a_png(result):
    from easyseg.export.pictures import palette_png

    with PillowImage.open(io.BytesIO(palette_png(result.labels, result.label_set))) as picture:
        assert picture.format == "PNG"


def test_masks_of_an_earlier_export_are_not_taken_for_this_one(tmp_path: Path, result):
    write_one(tmp_path, result, "masks")
    mine = ["001_holiday.png", "notes.txt"]
    for name in mine:
        (tmp_path / name).write_bytes(b"mine")
    only = int(result.labels.max())
    result.labels[:] = only
    write_one(tmp_path, result, "masks")
    masks = sorted(path.name for path in tmp_path.iterdir() if path.name not in mine)
    assert [int(name[:3]) for name in masks] == [only]
    assert all((tmp_path / name).read_bytes() == b"mine" for name in mine)
