"""read() of files: every source, format, mode and orientation."""

import functools
import http.server
import io
import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps
from samples import FORMATS, HAS_AVIF, PICTURE, PILLOW, as_pillow_sees_it, encoded, make_picture

from easyseg.errors import DownloadError, InputError, MediaError
from easyseg.pictures import _decode, image
from easyseg.pictures._plugins import PLUGIN_OF

# Where pictures come from


def test_every_source_of_a_file(png):
    data = png.read_bytes()
    for source in (str(png), png, data, bytearray(data), memoryview(data), io.BytesIO(data)):
        np.testing.assert_array_equal(image.read(source), PICTURE)
    with png.open("rb") as file:
        np.testing.assert_array_equal(image.read(file), PICTURE)


def test_a_strided_memoryview(png):
    doubled = bytes(byte for byte in png.read_bytes() for _ in range(2))
    np.testing.assert_array_equal(image.read(memoryview(doubled)[::2]), PICTURE)


def test_a_file_object_is_read_from_where_it_stands(png):
    file = io.BytesIO(b"header" + png.read_bytes())
    file.seek(6)
    np.testing.assert_array_equal(image.read(file), PICTURE)
    with pytest.raises(MediaError, match="is empty"):
        image.read(file)


def test_a_pipe(png):
    data = png.read_bytes()
    for open_end in (lambda end: os.fdopen(end, "rb"), lambda end: Path(f"/dev/fd/{end}")):
        if os.name != "posix" or not Path("/dev/fd").is_dir():
            pytest.skip("no /dev/fd on this system")
        read_end, write_end = os.pipe()
        writer = threading.Thread(target=feed, args=(write_end, data))
        writer.start()
        source = open_end(read_end)
        np.testing.assert_array_equal(image.read(source), PICTURE)
        writer.join()
        source.close() if hasattr(source, "close") else os.close(read_end)


def feed(descriptor, data):
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


@pytest.fixture
def server(tmp_path):
    handler = functools.partial(QuietHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_a_url(server, png):
    np.testing.assert_array_equal(image.read(f"{server}/a%20picture.png"), PICTURE)


def test_a_url_that_is_not_there(server):
    with pytest.raises(DownloadError, match="404"):
        image.read(f"{server}/none.png")


def test_a_url_that_holds_a_page(server, tmp_path):
    (tmp_path / "a.jpg").write_text("<!DOCTYPE html><html><body>Not found</body></html>")
    with pytest.raises(MediaError, match=r"a\.jpg: it is text \(it begins with '<!DOCTYPE html>"):
        image.read(f"{server}/a.jpg")


def test_a_text_file_object_is_refused():
    with pytest.raises(InputError, match='"rb"'):
        image.read(io.StringIO("text"))


def test_a_closed_file_object_is_refused():
    file = io.BytesIO()
    file.close()
    with pytest.raises(MediaError, match="closed"):
        image.read(file)


# Formats and modes


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_is_as_pillow_reads_it(format_name):
    data = encoded(format_name)
    result = image.read(data)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    assert result.flags.writeable
    np.testing.assert_array_equal(result, as_pillow_sees_it(data))


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 3), (65, 97)])
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_size(size, format_name):
    data = encoded(format_name, PillowImage.fromarray(make_picture(*size)))
    result = image.read(data)
    assert result.shape == (*size, 3)
    np.testing.assert_array_equal(result, as_pillow_sees_it(data))


def test_the_extensions_are_those_of_the_formats():
    # A .dib holds a BMP, and Pillow tells an MPO from a JPEG as it opens it.
    formats = {*_decode._FORMATS, "DIB", "MPO"}
    for extension in image.IMAGE_EXTENSIONS - {*PLUGIN_OF}:
        assert extension == extension.lower()
        assert PillowImage.registered_extensions()[extension] in formats
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif", ".bmp", ".gif"} <= image.IMAGE_EXTENSIONS


JPEGS = {
    "plain": {},
    "full colour": {"subsampling": 0},
    "progressive": {"progressive": True},
    "rgb": {"keep_rgb": True},
    "optimised": {"optimize": True, "quality": 20},
    "restarts": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_fast_way_for_jpegs_gives_what_pillow_gives(options, mode):
    data = encoded("JPEG", PILLOW.convert(mode), **options)
    with PillowImage.open(io.BytesIO(data)) as picture:
        fast = _decode._decode_jpeg(io.BytesIO(data), picture)
    np.testing.assert_array_equal(fast, as_pillow_sees_it(data))


def test_a_jpeg_with_more_behind_its_end():
    data = encoded("JPEG")
    np.testing.assert_array_equal(image.read(data + bytes(100)), as_pillow_sees_it(data))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "BMP", "GIF"])
def test_modes_without_alpha(mode, format_name):
    data = encoded(format_name, PILLOW.convert(mode))
    np.testing.assert_array_equal(image.read(data), as_pillow_sees_it(data))


@pytest.mark.parametrize(("format_name", "mode"), [("PNG", "LA"), ("TIFF", "LA"), ("PNG", "RGBA")])
def test_modes_with_alpha(format_name, mode):
    picture = PILLOW.convert(mode)
    picture.putalpha(PillowImage.linear_gradient("L").resize(picture.size))
    white = PillowImage.new("RGB", picture.size, "white")
    white.paste(picture.convert("RGBA"), mask=picture.getchannel("A"))
    np.testing.assert_array_equal(image.read(encoded(format_name, picture)), np.asarray(white))


@pytest.mark.parametrize("format_name", ["WEBP", *FORMATS[8:]])
def test_alpha_of_formats_with_loss(format_name):
    picture = PillowImage.new("RGBA", (16, 16), (200, 0, 0, 0))
    picture.paste((0, 0, 200, 255), (0, 0, 8, 16))
    result = image.read(encoded(format_name, picture, lossless=True, quality=100))
    np.testing.assert_allclose(result[:, :7].astype(int), [[[0, 0, 200]] * 7] * 16, atol=4)
    np.testing.assert_array_equal(result[:, 9:], 255)


@pytest.mark.parametrize(
    ("format_name", "transparency", "last"),
    [
        ("PNG", 1, [70, 80, 91]),
        ("GIF", 1, [70, 80, 91]),
        ("PNG", b"\xff\x00\x80", [162, 167, 173]),
    ],
)
def test_a_palette_with_transparency(format_name, transparency, last):
    picture = PillowImage.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 91])
    result = image.read(encoded(format_name, picture, transparency=transparency))
    np.testing.assert_array_equal(result, [[[10, 20, 30], [255, 255, 255], last]])


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 7, 7)), ("1", 0)])
def test_a_png_with_a_transparent_colour(mode, key):
    picture = PillowImage.new(mode, (2, 1), "black" if mode == "1" else key)
    picture.putpixel((1, 0), 255 if mode != "RGB" else (255, 0, 9))
    result = image.read(encoded("PNG", picture, transparency=key))
    second = [255, 0, 9] if mode == "RGB" else [255, 255, 255]
    np.testing.assert_array_equal(result, [[[255, 255, 255], second]])


@pytest.mark.parametrize(("format_name", "extension"), [("PNG", ".png"), ("TIFF", ".tiff")])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits(format_name, extension, channels):
    deep = PICTURE.astype(np.uint16)[..., :1].repeat(channels, axis=2)
    deep = deep * 257 + np.arange(channels, dtype=np.uint16) * 0
    if channels == 4:
        deep[..., 3] = 65535
    data = cv2.imencode(extension, deep)[1].tobytes()
    np.testing.assert_array_equal(image.read(data), PICTURE[..., :1].repeat(3, axis=2))


def test_16_bits_of_a_pgm():
    data = b"P5 3 1 65535\n" + np.array([0, 257 * 7, 65535], ">u2").tobytes()
    np.testing.assert_array_equal(image.read(data)[0, :, 0], [0, 7, 255])
    data = b"P5 3 1 1023\n" + np.array([0, 512, 1023], ">u2").tobytes()
    np.testing.assert_array_equal(image.read(data)[0, :, 0], [0, 128, 255])


def test_floats_of_a_tiff():
    picture = PillowImage.fromarray(np.array([[0, 0.5, 1]], np.float32))
    np.testing.assert_array_equal(image.read(encoded("TIFF", picture))[0, :, 2], [0, 128, 255])


def test_32_bit_integers_are_refused():
    with pytest.raises(MediaError, match=r"the bytes: expected an array of .* got int32"):
        image.read(encoded("TIFF", PillowImage.new("I", (3, 2), 70_000)))


@pytest.mark.parametrize("format_name", ["JPEG", "TIFF"])
def test_cmyk(format_name):
    # Pillow writes JPEGs as Adobe does, inverted.
    colors = {
        (0, 0, 0, 0): (255, 255, 255),
        (0, 255, 255, 0): (255, 0, 0),
        (9, 9, 9, 255): (0, 0, 0),
    }
    for ink, color in colors.items():
        data = encoded(format_name, PillowImage.new("CMYK", (16, 16), ink))
        np.testing.assert_allclose(image.read(data).astype(int)[8, 8], color, atol=2)


def test_ycck_jpeg():
    # What Photoshop writes: CMYK, inverted, with the first three inks as YCbCr.
    data = bytearray(encoded("JPEG", PillowImage.new("CMYK", (16, 16), (0, 0, 0, 0))))
    marker = data.index(b"Adobe")
    assert data[marker + 11] == 0
    data[marker + 11] = 2
    with PillowImage.open(io.BytesIO(data)) as picture:
        expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(image.read(bytes(data)), expected)


@pytest.mark.parametrize("format_name", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_picture_of_several(format_name):
    frames = [PillowImage.new("RGB", (20, 10), color) for color in ("red", "lime", "blue")]
    options = {"lossless": True} if format_name == "WEBP" else {}
    data = encoded(format_name, frames[0], save_all=True, append_images=frames[1:], **options)
    with PillowImage.open(io.BytesIO(data)) as picture:
        assert picture.n_frames == 3
    np.testing.assert_array_equal(image.read(data), np.full((10, 20, 3), (255, 0, 0)))


def test_mpo():
    second = PillowImage.new("RGB", PILLOW.size, "red")
    data = encoded("MPO", save_all=True, append_images=[second])
    with PillowImage.open(io.BytesIO(data)) as picture:
        assert picture.format == "MPO"
    np.testing.assert_array_equal(image.read(data), as_pillow_sees_it(data))


# Orientation


def with_orientation(format_name, value, **options):
    exif = PillowImage.Exif()
    exif[0x0112] = value
    return encoded(format_name, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_all_orientations(orientation, format_name):
    data = with_orientation(format_name, orientation)
    with PillowImage.open(io.BytesIO(data)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    result = image.read(data)
    np.testing.assert_array_equal(result, expected)
    assert result.shape[:2] == ((60, 40) if orientation >= 5 else (40, 60))
    assert result.flags.c_contiguous


def test_an_orientation_by_hand():
    # 6: the top of the scene is at the right of the stored picture, as a phone held upright has it.
    stored = PillowImage.fromarray(np.array([[[1, 1, 1], [2, 2, 2], [3, 3, 3]]], np.uint8))
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    result = image.read(encoded("PNG", stored, exif=exif))
    np.testing.assert_array_equal(result[..., 0], [[1], [2], [3]])


@pytest.mark.skipif(not HAS_AVIF, reason="this Pillow has no AVIF")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_of_avif(orientation):
    data = with_orientation("AVIF", orientation)
    with PillowImage.open(io.BytesIO(data)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(image.read(data), expected)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_is_none_is_ignored(value):
    data = with_orientation("JPEG", value)
    np.testing.assert_array_equal(image.read(data), as_pillow_sees_it(data))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
def test_damaged_exif_data_do_not_matter():
    data = encoded("JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff nonsense")
    np.testing.assert_array_equal(image.read(data), as_pillow_sees_it(data))


def test_many_threads_read_at_once(png):
    jpeg = with_orientation("JPEG", 6)
    expected = image.read(jpeg)
    failures = []

    def work():
        for _ in range(20):
            if not np.array_equal(image.read(jpeg), expected):
                failures.append("jpeg")
            if not np.array_equal(image.read(png), PICTURE):
                failures.append("png")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
