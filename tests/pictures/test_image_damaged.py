"""read() of files that are damaged, cut short, too large, missing, or no pictures."""

import contextlib
import os
import re
import tempfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageFile
from samples import FORMATS, PICTURE, PILLOW, encoded

from easyseg.errors import MediaError
from easyseg.pictures import _decode, image

JPEGS = {
    "plain": {},
    "full colour": {"subsampling": 0},
    "progressive": {"progressive": True},
    "rgb": {"keep_rgb": True},
    "optimised": {"optimize": True, "quality": 20},
    "restarts": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("part", [0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning", "ignore:Truncated:UserWarning")
def test_a_file_that_is_cut_short(format_name, part, tmp_path, capfd):
    data = encoded(format_name)
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: int(len(data) * part)])
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    with pytest.raises(MediaError, match=r"cut\.jpg: the file is damaged or cut short"):
        image.read(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
def test_a_jpeg_that_is_cut_short_anywhere(options, capfd):
    data = encoded("JPEG", **options)
    for length in [*range(3, len(data), 41), len(data) - 2, len(data) - 1]:
        with pytest.raises(MediaError, match="damaged"):
            image.read(data[:length])
    assert capfd.readouterr() == ("", "")


def test_a_jpeg_that_is_cut_short_in_its_thumbnail():
    thumbnail = encoded("JPEG", PILLOW.resize((16, 12)))
    data = encoded("JPEG", exif=b"Exif\x00\x00" + thumbnail)
    with pytest.raises(MediaError, match="damaged"):
        image.read(data[: data.index(thumbnail) + len(thumbnail)])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damage_gives_a_picture_or_a_media_error(seed):
    random = np.random.default_rng(seed)
    for format_name in FORMATS:
        original = encoded(format_name)
        for _ in range(10):
            data = np.frombuffer(original, np.uint8).copy()
            places = random.integers(0, min(len(data), 400), 3)
            data[places] = random.integers(0, 256, 3)
            try:
                result = image.read(data.tobytes(), max_pixels=100_000)
            except MediaError:
                continue
            assert result.dtype == np.uint8
            assert result.shape[2] == 3


NOT_PICTURES = {
    "empty": (b"", "it is empty"),
    "text": (b"Just some words\r\nand more", "it is text .it begins with 'Just some words"),
    "noise": (bytes(range(128, 256)), "not a picture of a known format .known: JPEG, PNG, "),
    "mp4": (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00" + bytes(64), r"a video \(MP4"),
    "mov": (b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00" + bytes(64), r"a video \(MP4 or QuickTime"),
    "webm": (b"\x1aE\xdf\xa3" + bytes(64), r"a video \(Matroska"),
    "avi": (b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(64), r"a video \(AVI"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3" + bytes(64), "a PDF document"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "it is text"),
}


@pytest.mark.parametrize(("data", "message"), NOT_PICTURES.values(), ids=NOT_PICTURES)
def test_a_lying_extension(data, message, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=rf"photo\.jpg: it is .*{message.removeprefix('it is ')}"):
        image.read(path)


def test_a_real_video(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (60, 40))
    writer.write(PICTURE)
    writer.release()
    with pytest.raises(MediaError, match=r"clip\.avi: it is a video"):
        image.read(path)


def test_the_content_counts_and_not_the_extension(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded("PNG"))
    np.testing.assert_array_equal(image.read(path), PICTURE)


def test_a_wrong_path_names_its_neighbours(png):
    with pytest.raises(MediaError, match=r"a pictrue\.PNG: .* did you mean a picture\.png\?"):
        image.read(png.with_name("a pictrue.PNG"))
    with pytest.raises(MediaError, match=re.escape(f"no such file in {png.parent}")):
        image.read(png.with_name("zzz.jpg"))
    with pytest.raises(MediaError, match=re.escape(f"there is no folder {png.parent / 'none'}")):
        image.read(png.parent / "none" / "a.jpg")


def test_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "link.png").symlink_to("gone.png")
    with pytest.raises(MediaError, match=r"it is a link to gone\.png, which does not exist"):
        image.read(tmp_path / "link.png")


def test_a_folder(tmp_path):
    with pytest.raises(MediaError, match="it is a folder"):
        image.read(tmp_path)


@pytest.mark.parametrize("path", ["a\0b.png", "x" * 5000])
def test_a_path_that_cannot_be(path):
    with pytest.raises(MediaError, match=r"null|too long") as caught:
        image.read(path)
    assert len(str(caught.value)) < 500


@pytest.mark.skipif(os.name != "posix", reason="permissions as on Unix")
def test_a_file_that_may_not_be_read():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "secret.png"
        path.write_bytes(encoded("PNG"))
        path.chmod(0)
        Path(folder).chmod(0o755)
        with not_as_root(), pytest.raises(MediaError, match=r"secret\.png: permission denied"):
            image.read(path)


@contextlib.contextmanager
def not_as_root():
    """Root may do everything: be nobody for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


# The limit on pixels


def test_the_limit_on_pixels(png):
    assert image.read(png, max_pixels=2400).shape == (40, 60, 3)
    with pytest.raises(MediaError, match=r"60x40 is 2,400 pixels .*pass max_pixels=2400"):
        image.read(png, max_pixels=2399)


def png_header(width, height):
    """A PNG that claims a size and holds next to nothing."""
    data = bytearray(encoded("PNG", PillowImage.new("1", (8, 8))))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def test_a_bomb_is_refused_by_our_limit_before_it_is_decoded():
    with pytest.raises(MediaError, match=r"100000x100000 is 10,000,000,000 pixels"):
        image.read(png_header(100_000, 100_000))


@pytest.mark.parametrize("pixels", [100_000_000, 400_000_000])
def test_the_limit_of_pillow_does_not_leak(pixels, monkeypatch):
    # Pillow warns from 89 million pixels on and refuses twice that; ours is the one that counts.
    assert PillowImage.MAX_IMAGE_PIXELS is not None
    seen = []

    def decode_nothing(picture):
        seen.append(picture.size)
        return PICTURE

    monkeypatch.setattr(_decode, "_convert", decode_nothing)
    image.read(png_header(pixels // 10_000, 10_000))
    assert seen == [(pixels // 10_000, 10_000)]


def test_reading_leaves_the_settings_of_pillow_alone(png):
    before = PillowImage.MAX_IMAGE_PIXELS
    image.read(png, max_pixels=10**9)
    assert before == PillowImage.MAX_IMAGE_PIXELS
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
