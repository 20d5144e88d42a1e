"""Parts of TIFFs: the same pixels as when the whole picture is read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from easyseg.errors import MediaError
from easyseg.pictures.image import read, resize
from easyseg.pictures.parts import is_too_large, open_parts, open_tiff

tifffile = pytest.importorskip("tifffile", reason="easyseg[large] is not installed")
pytest.importorskip("imagecodecs", reason="easyseg[large] is not installed")

HEIGHT, WIDTH = 150, 203


@pytest.fixture
def photograph(astronaut):
    return resize(astronaut, (HEIGHT, WIDTH), "area")


def assert_same(path, tolerance=0):
    """The whole, and parts of it that begin anywhere, are what `read` gives."""
    whole = read(path).astype(int)
    with open_parts(path) as reader:
        assert reader.size == whole.shape[:2]
        for top, left, height, width in [(0, 0, *reader.size), (17, 33, 80, 90), (63, 65, 1, 2)]:
            part = reader.read(top, left, height, width)
            assert part.dtype == np.uint8
            assert part.flags.c_contiguous
            expected = whole[top : top + height, left : left + width]
            assert np.abs(part - expected).max() <= tolerance


@pytest.mark.parametrize("layout", [{"tile": (64, 32)}, {"rowsperstrip": 7}, {}])
@pytest.mark.parametrize("compression", [None, "lzw", "adobe_deflate", "packbits", "zstd", "jpeg"])
@pytest.mark.parametrize("big", [False, True])
def test_layouts_and_compressions(photograph, tmp_path, layout, compression, big):
    predictor = compression in ("lzw", "adobe_deflate")
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, photograph, photometric="rgb", compression=compression, predictor=predictor,
        bigtiff=big, **layout,
    )  # fmt: skip
    # Decoders of JPEG may round differently.
    assert_same(path, tolerance=3 if compression == "jpeg" else 0)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_planes_sixteen_bits_floats(photograph, tmp_path, byteorder, compression):
    path = tmp_path / "a.tif"
    options = {"byteorder": byteorder, "compression": compression}
    tifffile.imwrite(
        path, photograph.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", **options
    )
    assert_same(path)
    gray = photograph[..., 0]
    tifffile.imwrite(path, gray.astype(np.uint16) * 199, rowsperstrip=9, **options)
    assert_same(path)
    if (byteorder, compression) != (">", "lzw"):  # which Pillow does not read
        tifffile.imwrite(path, gray / np.float32(255), tile=(32, 32), **options)
        assert_same(path)
    tifffile.imwrite(path, photograph.astype(np.uint16) * 203, photometric="rgb", **options)
    with open_parts(path) as reader:
        part = reader.read(3, 4, 100, 100)
    np.testing.assert_array_equal(part, (photograph[3:103, 4:104].astype(int) * 203) >> 8)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_modes_of_pillow(photograph, tmp_path, mode, compression):
    picture = PillowImage.fromarray(photograph)
    if mode in ("LA", "RGBA"):
        picture.putalpha(PillowImage.fromarray(photograph[..., 1]))
    path = tmp_path / "a.tif"
    picture.convert(mode).save(path, compression=compression)
    assert_same(path)


def test_white_is_zero_and_premultiplied_alpha(photograph, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, photograph[..., 0], photometric="miniswhite", tile=(32, 32))
    assert_same(path)
    alpha = np.full((HEIGHT, WIDTH, 1), 200, np.uint8)
    faded = (photograph * (200 / 255)).astype(np.uint8)
    tifffile.imwrite(
        path, np.concatenate([faded, alpha], axis=2), photometric="rgb", extrasamples=[1]
    )
    assert_same(path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(photograph, tmp_path, orientation):
    path = tmp_path / "a.tif"
    tags = [(274, 3, 1, orientation, True)]
    tifffile.imwrite(path, photograph, photometric="rgb", tile=(32, 48), extratags=tags)
    assert_same(path)
    tifffile.imwrite(path, photograph, photometric="rgb", rowsperstrip=20, extratags=tags)
    if orientation < 5:
        assert_same(path)
    else:
        with pytest.raises(MediaError, match="on its side"), open_parts(path):
            pass


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_part_of_any_size(tmp_path_factory, data):
    height, width = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    tiled = data.draw(st.booleans())
    layout = {"tile": (16, 32)} if tiled else {"rowsperstrip": data.draw(st.integers(1, 90))}
    pixels = np.random.default_rng(height).integers(0, 255, (height, width, 3), np.uint8)
    path = tmp_path_factory.mktemp("tiff") / "a.tif"
    compression = data.draw(st.sampled_from([None, "lzw"]))
    tifffile.imwrite(path, pixels, photometric="rgb", compression=compression, **layout)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    size = data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    with open_parts(path) as reader:
        part = reader.read(top, left, *size)
    np.testing.assert_array_equal(part, pixels[top : top + size[0], left : left + size[1]])


def test_tiles_that_are_left_out_are_black(tmp_path):
    path = tmp_path / "a.tif"
    tiles = iter([np.full((32, 32), 9, np.uint8), None])
    tifffile.imwrite(path, tiles, shape=(32, 64), dtype="uint8", tile=(32, 32), compression="lzw")
    with open_parts(path) as reader:
        assert reader.read(0, 0, 32, 64)[0, [0, 63], 0].tolist() == [9, 0]


def test_what_cannot_be_read(photograph, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, photograph, photometric="rgb", tile=(32, 32), compression="lzw")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match="cut short"), open_parts(path):
        pass
    path.write_bytes(whole[:3])
    with pytest.raises(MediaError), open_parts(path):
        pass
    path.write_bytes(whole[:4] + b"\xff" * 60)
    with pytest.raises(MediaError), open_parts(path):
        pass
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + b"\xff" * 3000 + whole[middle + 3000 :])
    with pytest.raises(MediaError, match="damaged at row"), open_tiff(path) as reader:
        reader.read(0, 0, HEIGHT, WIDTH)
    with pytest.raises(MediaError, match="no such file"), open_parts(tmp_path / "absent.tif"):
        pass


def test_numbers_of_which_no_picture_can_be_made(tmp_path):
    path = tmp_path / "a.tif"
    for pixels, options in [
        (np.zeros((40, 40, 5), np.uint8), {"photometric": "minisblack", "planarconfig": "contig"}),
        (np.zeros((40, 40), np.int32), {}),
        (np.zeros((40, 40), np.complex64), {}),
    ]:
        tifffile.imwrite(path, pixels, **options)
        with pytest.raises(MediaError, match="gdal_translate"), open_parts(path):
            pass
    tifffile.imwrite(path, np.full((40, 40), 7, np.float32))
    with open_parts(path) as reader, pytest.raises(MediaError, match="from 0 to 1"):
        reader.read(0, 0, 4, 4)


def test_pictures_that_are_too_large(photograph, tmp_path, monkeypatch):
    path, other = tmp_path / "a.tif", tmp_path / "a.png"
    tifffile.imwrite(path, photograph, photometric="rgb", bigtiff=True)
    PillowImage.fromarray(photograph).save(other)
    assert not is_too_large(path)
    monkeypatch.setattr("easyseg.pictures.parts.MAX_PIXELS", 30_000)
    assert is_too_large(path)
    assert not is_too_large(other)
    assert not is_too_large(tmp_path / "absent.tif")
    monkeypatch.setattr("easyseg.pictures.parts.read", lambda path: read(path, max_pixels=30_000))
    with pytest.raises(MediaError, match="make a tiled TIFF of it first"), open_parts(other):
        pass
