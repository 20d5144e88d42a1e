"""TIFFs of a table of kinds: each is read as tifffile reads it, or refused."""

import io
import itertools

import numpy as np
import pytest

from easyseg.errors import MediaError
from easyseg.pictures import parts
from easyseg.pictures.image import read

tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")
pytest.importorskip("imagecodecs", reason="imagecodecs is not installed")

KINDS = list(
    itertools.product(
        ["uint8", "uint16", "float16", "float32", "float64", "int8", "uint32"],
        [1, 3, 4, 2],
        ["contig", "separate"],
        [None, (32, 48)],
        [None, "lzw", "adobe_deflate", "jpeg"],
    )
)
MAY_BE_REFUSED = {
    *itertools.product(["uint16", "float16", "float32", "float64"], [2, 4]),
    *itertools.product(["int8", "uint32"], [1, 2, 3, 4]),
}
"""Numbers without a known range, and alpha of other than 8 bits."""


def pixels(bands: int) -> np.ndarray:
    """8 bits, (70, 100, bands); alpha is opaque."""
    down, across = np.mgrid[:70, :100]
    planes = [(down * 2 + across * (1 + band) + band * 40) % 256 for band in range(bands)]
    if bands in (2, 4):
        planes[-1] = np.full_like(down, 255)
    return np.stack(planes, -1).astype(np.uint8)


def written(kind, byteorder: str, pages: int, predictor: bool, bigtiff: bool) -> bytes | None:
    dtype, bands, planar, tile, compression = kind
    bits = pixels(bands)
    if dtype == "uint16":
        numbers = bits.astype(np.uint16) * 257
    elif dtype.startswith("float"):
        numbers = (bits / 255).astype(dtype)
    else:
        numbers = (bits // 2).astype(dtype)
    numbers = bits if dtype == "uint8" else numbers
    data = np.moveaxis(numbers, -1, 0) if planar == "separate" else numbers
    data = np.ascontiguousarray(data[..., 0] if bands == 1 else data)
    file = io.BytesIO()
    with tifffile.TiffWriter(file, byteorder=byteorder, bigtiff=bigtiff) as writer:
        for page in range(pages):
            writer.write(
                data if page == 0 else data // 2, planarconfig=planar if bands > 1 else None,
                photometric="rgb" if bands > 2 else "minisblack", tile=tile,
                compression=compression, predictor=predictor or None, metadata=None,
                extrasamples=["unassalpha"] if bands in (2, 4) else None,
                rowsperstrip=None if tile else 17,
            )  # fmt: skip
    return file.getvalue()


def is_a_kind(kind) -> bool:
    dtype, bands, planar, _, compression = kind
    if bands == 1 and planar == "separate":
        return False
    # tifffile itself does not read four colours of JPEG.
    return compression != "jpeg" or (dtype == "uint8" and (bands, planar) != (4, "contig"))


@pytest.mark.parametrize("kind", list(filter(is_a_kind, KINDS)), ids=str)
def test_each_kind_is_read_rightly_or_refused(kind):
    dtype, bands, planar, _, compression = kind
    for byteorder, pages, predictor, bigtiff in itertools.product(
        "<>", [1, 2], [False, True], [False, True]
    ):
        if predictor and compression in (None, "jpeg"):
            continue
        data = written(kind, byteorder, pages, predictor, bigtiff)
        try:
            image = read(data)
        except MediaError:
            if (dtype, bands) in MAY_BE_REFUSED:
                continue
            raise
        if compression == "jpeg":
            stored = tifffile.imread(io.BytesIO(data), key=0)
            stored = np.moveaxis(stored, 0, -1) if planar == "separate" else stored
            expected = stored.reshape(70, 100, bands)
        else:
            expected = pixels(bands)
        expected = np.broadcast_to(expected[..., : 3 if bands > 2 else 1], (70, 100, 3))
        off = int(np.abs(image.astype(int) - expected).max())
        # Alpha has passed through JPEG, too.
        most = (12 if bands in (2, 4) else 3) if compression == "jpeg" else 0
        assert off <= most, (byteorder, pages, predictor, bigtiff)


def test_floats_of_0_and_1_are_not_all_black():
    # With swapped bytes, 1.0 is 4.6e-41: within 0..1, and black.
    numbers = np.eye(16, dtype=np.float32)
    file = io.BytesIO()
    tifffile.imwrite(file, numbers, byteorder=">", compression="adobe_deflate")
    assert np.array_equal(read(file.getvalue())[..., 0], numbers * 255)


def test_the_limit_holds_for_kinds_that_pillow_does_not_read():
    data = written(("float64", 3, "separate", None, "lzw"), ">", 1, False, True)
    with pytest.raises(MediaError, match="100x70 is 7,000 pixels and the limit is 6,999"):
        read(data, max_pixels=6_999)


def test_a_large_one_is_known_in_every_order_of_the_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "MAX_PIXELS", 6_999)
    for order, big in itertools.product("<>", [False, True]):
        path = tmp_path / "a.tif"
        path.write_bytes(written(("uint8", 3, "contig", (32, 48), None), order, 1, False, big))
        assert parts.is_too_large(path)


@pytest.mark.parametrize("tag", ["TileWidth", "TileLength", "RowsPerStrip"])
def test_pieces_without_a_size_are_damage(tmp_path, tag):
    tile = None if tag == "RowsPerStrip" else (16, 16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, pixels(3), tile=tile, photometric="rgb", compression="lzw", rowsperstrip=None
    )
    with tifffile.TiffFile(path) as file:
        place = file.pages[0].tags[tag]
        start, count = place.valueoffset, place.valuebytecount
    data = bytearray(path.read_bytes())
    data[start : start + count] = bytes(count)
    path.write_bytes(data)
    with pytest.raises(MediaError, match="damaged"), parts.open_tiff(path) as reader:
        reader.read(0, 0, 70, 100)
    if tile:
        with pytest.raises(MediaError, match="damaged"):
            read(path)
