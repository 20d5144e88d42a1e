"""Every layout of masks is written to a folder and read back, id by id."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from easyseg.datasets import open_dataset, open_images, read_classes
from easyseg.errors import InputError, MediaError
from easyseg.labels import ADE20K, PASCAL_VOC

NAMES = ("2007_000033", "2007_000042", "2009_1")


def photograph(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (10 + index, 17, 3), np.uint8)


def ids(index: int, classes: int) -> np.ndarray:
    """All classes, and void."""
    rng = np.random.default_rng(100 + index)
    out = rng.integers(0, classes, (10 + index, 17)).astype(np.uint8)
    out[0, :3] = 255
    return out


def save_palette(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = PillowImage.new("P", labels.shape[::-1])
    picture.putdata(labels.ravel().tolist())
    palette = np.zeros((256, 3), np.uint8)
    palette[:21] = PASCAL_VOC.palette
    picture.putpalette(palette.tobytes())
    picture.save(path)


def save_image(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(image).save(path, quality=95)


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for index, name in enumerate(NAMES):
        save_image(root / "JPEGImages" / f"{name}.jpg", photograph(index))
        save_palette(root / "SegmentationClass" / f"{name}.png", ids(index, 21))
        save_palette(
            root / "SegmentationClassAug" / f"{name}.png", ids(index + 5, 21)[: 10 + index]
        )
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text(f"{NAMES[2]}\n{NAMES[0]}\n")
    (lists / "train.txt").write_text(f"{NAMES[1]}\n")
    (lists / "train_aug.txt").write_text("\n".join(NAMES))
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "mine"
    for index, name in enumerate(NAMES):
        save_image(root / "images" / f"{name}.png", photograph(index))
        save_palette(root / "masks" / f"{name}.png", ids(index, 4))
    return root


def add_to_tar(tar: tarfile.TarFile, path: Path, name: str) -> None:
    info = tarfile.TarInfo(name)
    data = path.read_bytes()
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


@pytest.fixture
def archives(folder: Path, tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "part-0.tar", tmp_path / "part-1.tar"]
    for path, names in zip(paths, (NAMES[2:], NAMES[:2]), strict=True):
        with tarfile.open(path, "w") as tar:
            for name in names:
                for kind in ("images", "masks"):
                    add_to_tar(tar, folder / kind / f"{name}.png", f"some/{kind}/{name}.png")
    return paths


class TestVoc:
    @pytest.mark.parametrize("inner", ["", "VOCdevkit", "VOCdevkit/VOC2012"])
    def test_whichever_folder_is_given(self, voc: Path, inner: str):
        data = open_dataset(voc / inner)
        assert data.names == (NAMES[2], NAMES[0])  # the order of the list
        assert data.label_set == PASCAL_VOC
        for sample, index in zip(data, (2, 0), strict=True):
            np.testing.assert_array_equal(sample.labels, ids(index, 21))
            assert sample.image.shape == (10 + index, 17, 3)

    def test_other_lists(self, voc: Path):
        assert open_dataset(voc, split="train").names == NAMES[1:2]
        augmented = open_dataset(voc, split="train_aug")
        np.testing.assert_array_equal(augmented.labels(1), ids(6, 21)[:11])

    def test_an_unknown_list_names_the_known_ones(self, voc: Path):
        with pytest.raises(InputError, match=r"test\.txt.*'train', 'train_aug', 'val'"):
            open_dataset(voc, split="test")

    def test_other_classes_are_refused(self, voc: Path):
        with pytest.raises(InputError, match="PASCAL VOC, not of ADE20K"):
            open_dataset(voc, label_set="ade20k")

    def test_a_file_of_the_list_is_missing(self, voc: Path):
        (voc / "VOCdevkit/VOC2012/SegmentationClass" / f"{NAMES[0]}.png").unlink()
        with pytest.raises(InputError, match=rf"{NAMES[0]}\.png' is missing"):
            open_dataset(voc)


class TestAde20k:
    @pytest.fixture
    def ade20k(self, tmp_path: Path) -> Path:
        root = tmp_path / "ADEChallengeData2016"
        for part in ("training", "validation"):
            for index, name in enumerate(NAMES[: 2 if part == "training" else 3]):
                save_image(root / "images" / part / f"ADE_{name}.jpg", photograph(index))
                numbers = ids(index, 150)
                numbers = np.where(numbers == 255, 0, numbers + 1).astype(np.uint8)
                path = root / "annotations" / part / f"ADE_{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                PillowImage.fromarray(numbers).save(path)
        return tmp_path

    @pytest.mark.parametrize("inner", ["", "ADEChallengeData2016"])
    def test_zero_becomes_void_and_the_rest_counts_from_zero(self, ade20k: Path, inner: str):
        data = open_dataset(ade20k / inner)
        assert data.label_set == ADE20K
        assert len(data) == 3
        for index, sample in enumerate(data):
            np.testing.assert_array_equal(sample.labels, ids(index, 150))

    def test_training(self, ade20k: Path):
        assert open_dataset(ade20k, split="train").names == tuple(f"ADE_{n}" for n in NAMES[:2])

    def test_an_unknown_part(self, ade20k: Path):
        with pytest.raises(InputError, match="images/test"):
            open_dataset(ade20k, split="test")


class TestFolder:
    def test_images_and_masks(self, folder: Path):
        data = open_dataset(folder)
        assert data.names == NAMES
        assert data.label_set is None
        for index, sample in enumerate(data):
            np.testing.assert_array_equal(sample.image, photograph(index))
            np.testing.assert_array_equal(sample.labels, ids(index, 4))

    def test_class_names_beside_the_folders(self, folder: Path):
        (folder / "classes.txt").write_text("Background\nred cat #ff0000\ndog\nbird\n\n")
        label_set = open_dataset(folder).label_set
        assert label_set is not None
        assert label_set.names == ("Background", "red cat", "dog", "bird")
        assert label_set.background == 0
        assert label_set.color(1) == (255, 0, 0)
        assert label_set.color(0) == (0, 0, 0)

    def test_a_split_has_folders_of_its_own(self, folder: Path, tmp_path: Path):
        for kind in ("images", "masks"):
            (tmp_path / "inside" / kind).mkdir(parents=True)
            (folder / kind).rename(tmp_path / "inside" / kind / "train")
        assert open_dataset(tmp_path / "inside", split="train").names == NAMES
        (tmp_path / "inside").rename(tmp_path / "train")
        assert open_dataset(tmp_path, split="train").names == NAMES

    def test_folders_within(self, folder: Path):
        for kind in ("images", "masks"):
            inner = folder / kind / "street" / "a"
            inner.mkdir(parents=True)
            (folder / kind / f"{NAMES[0]}.png").rename(inner / "x.png")
        assert open_dataset(folder).names == (*NAMES[1:], "street/a/x")

    def test_masks_that_count_from_one(self, folder: Path):
        data = open_dataset(folder, reduce_zero_label=True)
        expected = ids(0, 4)
        expected = np.where((expected == 0) | (expected == 255), 255, expected - 1)
        np.testing.assert_array_equal(data.labels(0), expected)

    def test_a_missing_mask(self, folder: Path):
        (folder / "masks" / f"{NAMES[1]}.png").unlink()
        with pytest.raises(InputError, match=rf"1 of 3 photographs.*{NAMES[1]}"):
            open_dataset(folder)

    def test_another_size(self, folder: Path):
        save_palette(folder / "masks" / f"{NAMES[0]}.png", ids(1, 4))
        with pytest.raises(InputError, match=rf"{NAMES[0]}.*10x17.*11x17"):
            open_dataset(folder)[0]

    def test_an_id_out_of_range(self, folder: Path):
        (folder / "classes.txt").write_text("a\nb\nc\n")
        with pytest.raises(InputError, match=rf"{NAMES[0]}.*ids \[3\].*0 to 2"):
            open_dataset(folder)[0]

    def test_two_photographs_of_one_name(self, folder: Path):
        save_image(folder / "images" / f"{NAMES[0]}.jpg", photograph(0))
        with pytest.raises(InputError, match="differ only in their extension"):
            open_dataset(folder)

    def test_a_colour_mask(self, folder: Path):
        save_image(folder / "masks" / f"{NAMES[0]}.png", photograph(0))
        with pytest.raises(MediaError, match="mode RGB"):
            open_dataset(folder).labels(0)

    def test_no_photograph(self, tmp_path: Path):
        (tmp_path / "images").mkdir()
        (tmp_path / "masks").mkdir()
        with pytest.raises(InputError, match="no photograph"):
            open_dataset(tmp_path)


class TestArchive:
    def test_several_archives_are_joined(self, archives: list[Path]):
        data = open_dataset(archives, label_set="voc")
        assert data.names == NAMES
        assert data.label_set == PASCAL_VOC
        for index, sample in enumerate(data):
            np.testing.assert_array_equal(sample.image, photograph(index))
            np.testing.assert_array_equal(sample.labels, ids(index, 4))

    def test_one_archive_and_a_folder_of_them(self, archives: list[Path], tmp_path: Path):
        assert open_dataset(archives[0]).names == NAMES[2:]
        shards = tmp_path / "shards"
        shards.mkdir()
        for path in archives:
            path.rename(shards / path.name)
        data = open_dataset(shards)
        assert (data.names, data.split) == (NAMES, None)
        (shards / archives[0].name).rename(shards / "own-val-0.tar")
        data = open_dataset(shards, split="val")
        assert (data.names, data.split) == (NAMES[2:], "val")

    def test_a_missing_mask(self, folder: Path, tmp_path: Path):
        path = tmp_path / "cut.tar"
        with tarfile.open(path, "w") as tar:
            add_to_tar(tar, folder / "images" / f"{NAMES[0]}.png", f"images/{NAMES[0]}.png")
        with pytest.raises(InputError, match=rf"1 of 1 photographs in 'cut\.tar'.*{NAMES[0]}"):
            open_dataset(path)

    def test_the_same_archive_twice(self, archives: list[Path]):
        with pytest.raises(InputError, match="two files named"):
            open_dataset([archives[0], archives[0]])

    def test_a_compressed_archive(self, folder: Path, tmp_path: Path):
        path = tmp_path / "small.tar"
        with tarfile.open(path, "w:gz") as tar:
            tar.add(folder)
        with pytest.raises(InputError, match=r"small\.tar.*without compression"):
            open_dataset(path)


class TestWithoutLabels:
    def test_folder_and_archive(self, folder: Path, archives: list[Path]):
        for data in (open_images(folder / "images"), open_images(archives)):
            assert data.names == NAMES
            np.testing.assert_array_equal(data.image(1), photograph(1))
            with pytest.raises(InputError, match="without labels"):
                data.labels(1)

    def test_a_file(self, folder: Path):
        with pytest.raises(InputError, match="folder or as tar files"):
            open_images(folder / "images" / f"{NAMES[0]}.png")


def test_nothing_known_lists_what_was_looked_for(tmp_path: Path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match=r"VOCdevkit.*ADEChallengeData2016.*images/.*photo\.jpg"):
        open_dataset(tmp_path)


def test_nothing_there(tmp_path: Path):
    with pytest.raises(InputError, match="no data at"):
        open_dataset(tmp_path / "none")


def test_a_subset(folder: Path):
    part = open_dataset(folder).subset([2, 0])
    assert part.names == (NAMES[2], NAMES[0])
    assert "2 photographs" in repr(part)
    with pytest.raises(InputError, match="no photograph"):
        part.subset([])


class TestClasses:
    def test_names_are_checked(self, tmp_path: Path):
        path = tmp_path / "names.txt"
        path.write_text("a\na\n")
        with pytest.raises(InputError, match="told apart"):
            read_classes(path)
        path.write_text("\n")
        with pytest.raises(InputError, match="empty"):
            read_classes(path)
        with pytest.raises(InputError, match=r"none\.txt"):
            read_classes(tmp_path / "none.txt")

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("my  weeds/classes.txt", "my weeds"),
            ("weeds/crops.v2.txt", "crops.v2"),
            ("--/names.txt", "custom"),
        ],
    )
    def test_the_name_of_the_set(self, tmp_path: Path, path: str, name: str):
        file = tmp_path / path
        file.parent.mkdir()
        file.write_text("soil\nweed")
        assert read_classes(file).name == name

    def test_no_background(self, tmp_path: Path):
        path = tmp_path / "names.txt"
        path.write_text("sky\nroad\n", encoding="utf-8-sig")
        label_set = read_classes(path)
        assert label_set.names == ("sky", "road")
        assert label_set.background is None
        assert label_set.palette.any(axis=1).all()
