"""HEIF and JPEG XL, which extras read."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

import easyseg
from easyseg import api
from easyseg.cli.inputs import find
from easyseg.errors import EasysegWarning, MediaError
from easyseg.pictures import image
from easyseg.pictures._plugins import PLUGIN_OF, PLUGINS, Plugin, jpeg_xl_size
from easyseg.pictures.image import IMAGE_EXTENSIONS, read, unread
from tests.pictures.samples import PICTURE, PILLOW

HEADS = {
    "HEIF": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00" + bytes(64),
    "JXL": b"\xff\x0a" + bytes(64),
}


def written(kind: str, picture: PillowImage.Image = PILLOW, **options: object) -> bytes:
    plugin = next(one for one in PLUGINS if one.format == kind)
    pytest.importorskip(plugin.module)
    plugin.load()
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def without_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that has neither extra."""
    monkeypatch.setattr(Plugin, "is_there", False)
    for module in (image, api):
        monkeypatch.setattr(module, "IMAGE_EXTENSIONS", IMAGE_EXTENSIONS - {*PLUGIN_OF})
    for plugin in PLUGINS:
        monkeypatch.delitem(PillowImage.OPEN, plugin.format, raising=False)


@pytest.mark.parametrize("kind", ["HEIF", "JXL"])
def test_they_are_read_without_a_word(kind: str, tmp_path: Path):
    data = written(kind, quality=95)
    path = tmp_path / f"photo.{'heic' if kind == 'HEIF' else 'jxl'}"
    path.write_bytes(data)
    assert path.suffix in IMAGE_EXTENSIONS
    assert np.abs(read(path).astype(int) - PICTURE).mean() < 12
    with pytest.raises(MediaError, match="limit is 100;"):
        read(path, max_pixels=100)
    with pytest.raises(MediaError):
        read(data[: len(data) // 2])


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.usefixtures("without_plugins")
def test_without_the_plug_in_its_package_is_named(kind: str):
    package = {"HEIF": "pillow-heif", "JXL": "pillow-jxl-plugin"}[kind]
    with pytest.raises(MediaError, match=rf"pip install {package} reads; or convert"):
        read(HEADS[kind])


@pytest.mark.usefixtures("without_plugins")
def test_what_is_skipped_in_a_folder_is_said(tmp_path: Path):
    PILLOW.save(tmp_path / "a.png")
    for name in ("b.heic", "c.HEIC", "d.jxl"):
        (tmp_path / name).write_bytes(b"?")
    wanted = (
        r"2 \.heic files, which pip install pillow-heif reads; "
        r"1 \.jxl file, which pip install pillow-jxl-plugin reads"
    )
    for argument in (str(tmp_path), f"{tmp_path}/*"):
        found = find([argument])
        assert [Path(one.source).name for one in found.pictures] == ["a.png"]
        (problem,) = found.problems
        assert re.fullmatch(rf"skipped in .*: {wanted}", problem)
    with pytest.warns(EasysegWarning, match=wanted):
        results = list(easyseg.stream(tmp_path, model="builtin", size=32))
    assert [Path(result.source).name for result in results] == ["a.png"]
    (tmp_path / "a.png").unlink()
    assert len(find([str(tmp_path)]).problems) == 1  # not "no pictures", too


def test_nothing_is_said_of_other_files():
    assert unread([Path("a.png"), Path("b.txt"), Path("heic")]) == ""


@pytest.mark.parametrize(
    "size", [(1, 1), (8, 8), (256, 256), (64, 48), (1920, 1080), (300, 200), (3, 5000), (513, 512)]
)
@pytest.mark.parametrize("boxes", [False, True])
def test_the_size_of_a_jpeg_xl(size: tuple[int, int], boxes: bool):
    options = {"exif": b"Exif\0\0" + bytes(16)} if boxes else {}
    data = written("JXL", PillowImage.new("RGB", size, (9, 90, 200)), effort=1, **options)
    assert jpeg_xl_size(data) == size
    assert all(jpeg_xl_size(data[:end]) in (None, size) for end in range(40))


def test_a_jpeg_xl_of_gigapixels_is_refused_before_it_is_decoded():
    pytest.importorskip("pillow_jxl")
    bits = 0 | (3 << 1) | ((1 << 29) << 3) | (1 << 33)  # 2**29 + 1 high, as wide
    bomb = b"\xff\x0a" + bits.to_bytes(12, "little") + bytes(100)
    with pytest.raises(MediaError, match=r"536870913x536870913 is .* pixels"):
        read(bomb)
