import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from easyseg.errors import MediaError
from easyseg.pictures.masks import read_labels

IDS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def stored(picture: PillowImage.Image, extension: str = "png") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, extension)
    return buffer.getvalue()


def grey_png(ids: np.ndarray, bits: int) -> bytes:
    """A grey PNG of a bit depth that Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = ids.shape
    rows = b""
    for row in ids:
        digits = "".join(f"{value:0{bits}b}" for value in row)
        digits += "0" * (-len(digits) % 8)
        rows += b"\0" + int(digits, 2).to_bytes(len(digits) // 8, "big")
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_palette_gives_its_indices_and_not_its_colours():
    picture = PillowImage.fromarray(IDS).convert("L")
    palette = PillowImage.fromarray(IDS, "L").convert("P")
    palette.putdata(IDS.ravel().tolist())
    palette.putpalette(np.random.default_rng(0).integers(0, 256, 768, np.uint8).tobytes())
    np.testing.assert_array_equal(read_labels(stored(palette)), IDS)
    np.testing.assert_array_equal(read_labels(stored(picture)), IDS)


def test_two_entries_of_one_colour_stay_apart():
    ids = np.array([[0, 1], [2, 1]], np.uint8)
    picture = PillowImage.new("P", (2, 2))
    picture.putdata(ids.ravel().tolist())
    picture.putpalette([7, 7, 7] * 3)
    np.testing.assert_array_equal(read_labels(stored(picture)), ids)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_of_few_bits_is_not_stretched(bits: int):
    ids = np.arange(21, dtype=np.uint8).reshape(3, 7) % (2**bits - 1)
    np.testing.assert_array_equal(read_labels(grey_png(ids, bits)), ids)


def test_sixteen_bits_with_small_ids():
    picture = PillowImage.fromarray(IDS.astype(np.uint16))
    np.testing.assert_array_equal(read_labels(stored(picture)), IDS)


@pytest.mark.parametrize("extension", ["png", "bmp", "gif", "tiff"])
def test_lossless_formats(tmp_path: Path, extension: str):
    path = tmp_path / f"mask.{extension}"
    PillowImage.fromarray(IDS).save(path)
    np.testing.assert_array_equal(read_labels(path), IDS)
    np.testing.assert_array_equal(read_labels(str(path)), IDS)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (stored(PillowImage.new("RGB", (3, 2))), "mode RGB.*palette PNG"),
        (stored(PillowImage.new("LA", (3, 2))), "mode LA"),
        (stored(PillowImage.fromarray(np.full((2, 2), 256, np.uint16))), "256"),
        (stored(PillowImage.new("L", (3, 2)), "jpeg"), "lossless"),
        (stored(PillowImage.fromarray(IDS))[:55], "damaged"),
        (b"", "none of PNG"),
    ],
    ids=["colours", "alpha", "large id", "lossy", "cut", "empty"],
)
def test_what_holds_no_ids_is_refused(data: bytes, message: str):
    with pytest.raises(MediaError, match=message):
        read_labels(data)


def test_a_missing_file(tmp_path: Path):
    with pytest.raises(MediaError, match=r"none\.png.*No such file"):
        read_labels(tmp_path / "none.png")
