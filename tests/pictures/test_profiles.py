"""Pictures whose numbers are not sRGB."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage
from PIL import ImageCms

from easyseg.pictures import _profiles
from easyseg.pictures._profiles import ADOBE_RGB, matrix_profile
from easyseg.pictures.image import read
from easyseg.pictures.parts import open_parts

# Display P3's primaries adapted to D50, as in its published profile; its gamma is nearly 2.2.
P3 = matrix_profile(
    ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)), 2.2
)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
COLORS = np.array([[[230, 60, 40], [60, 200, 80], [40, 60, 210], [128, 128, 128]]], np.uint8)


def seen(numbers: np.ndarray, primaries: np.ndarray, gamma: float) -> np.ndarray:
    """What colours are in sRGB, by the formulas: to light, to XYZ, back by sRGB's own."""
    to_srgb = np.array(
        [[3.1341359, -1.6173863, -0.4906619], [-0.9787955, 1.9162544, 0.0334427],
         [0.0719554, -0.2289768, 1.4053861]]
    )  # fmt: skip
    light = (numbers / 255) ** gamma @ np.array(primaries) @ to_srgb.T
    light = light.clip(0, 1)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return 255 * curve


def saved(kind: str, picture: PillowImage.Image, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def large(numbers: np.ndarray = COLORS) -> PillowImage.Image:
    return PillowImage.fromarray(numbers.repeat(16, 0).repeat(16, 1))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_wide_gamut_becomes_srgb(kind: str):
    quality = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    picture = read(saved(kind, large(), icc_profile=P3, **quality.get(kind, {})))
    wanted = seen(COLORS, _primaries(P3), 2.2)
    assert np.abs(picture[8:9, 8::16] - wanted).max() < 5
    assert np.abs(COLORS - wanted).max() > 20  # so that ignoring the profile would be seen


def _primaries(profile: bytes) -> list[list[float]]:
    """Reads them back from the profile by LittleCMS."""
    opened = ImageCms.getOpenProfile(io.BytesIO(profile)).profile
    return [list(opened.red_colorant[0]), list(opened.green_colorant[0]),
            list(opened.blue_colorant[0])]  # fmt: skip


def test_srgb_by_any_name_stays_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_profiles, "_applied", _applied_to_few)
    picture = read(saved("PNG", large(), icc_profile=SRGB))
    np.testing.assert_array_equal(picture, np.asarray(large()))


def _applied_to_few(transform: object, picture: PillowImage.Image) -> np.ndarray:
    assert picture.size == (216, 1)  # the colours that are tried, not the picture
    return np.array(ImageCms.applyTransform(picture, transform))


def test_adobe_rgb_that_only_exif_data_tell():
    picture = large()
    exif = PillowImage.Exif()
    exif.get_ifd(0x8769).update({0xA001: 0xFFFF, 0xA005: {1: "R03"}})
    found = read(saved("JPEG", picture, quality=100, subsampling=0, exif=exif))
    wanted = seen(COLORS, np.array(ADOBE_RGB), 563 / 256)
    assert np.abs(found[8:9, 8::16] - wanted).max() < 5
    exif.get_ifd(0x8769)[0xA005] = {1: "R98"}  # sRGB
    plain = read(saved("JPEG", picture, quality=100, subsampling=0, exif=exif))
    assert np.abs(plain[8:9, 8::16].astype(int) - COLORS).max() < 4


def test_grey_with_a_profile_of_its_own():
    linear = matrix_profile(ADOBE_RGB, 1.0)
    profile = bytearray(linear)
    profile[16:20] = b"GRAY"  # of which the curve of one channel is read
    profile = profile.replace(b"rTRC", b"kTRC")
    found = read(saved("PNG", PillowImage.new("L", (9, 9), 55), icc_profile=bytes(profile)))
    wanted = 255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055)  # 55 of light, not of sRGB
    assert np.abs(found - wanted).max() <= 2


def test_cmyk_without_a_profile_is_as_pillow_turns_it():
    picture = PillowImage.new("CMYK", (20, 20), (10, 200, 180, 20))
    np.testing.assert_array_equal(read(saved("TIFF", picture)), np.asarray(picture.convert("RGB")))


def test_cmyk_with_a_profile(monkeypatch: pytest.MonkeyPatch):
    """That Pillow's numbers are not taken where the profile serves; there is no free one here."""
    picture = PillowImage.new("CMYK", (20, 20), (10, 200, 180, 20))
    answer = np.full((20, 20, 3), 77, np.uint8)
    profile = bytearray(P3)
    profile[16:20] = b"CMYK"
    monkeypatch.setattr(_profiles, "_transform", lambda profile, mode: mode)
    monkeypatch.setattr(_profiles, "_applied", lambda mode, seen: answer)
    found = read(saved("TIFF", picture, icc_profile=bytes(profile)))
    np.testing.assert_array_equal(found, answer)


@pytest.mark.parametrize("profile", [b"", b"no profile", P3[:150], P3[:16] + b"Lab " + P3[20:]])
def test_a_profile_that_does_not_serve_changes_nothing(profile: bytes):
    picture = large()
    picture.info["icc_profile"] = profile
    np.testing.assert_array_equal(read(picture), np.asarray(large()))


def test_a_profile_for_rgb_on_a_grey_picture_is_no_error():
    found = read(saved("PNG", PillowImage.new("L", (5, 5), 128), icc_profile=P3))
    assert np.abs(found.astype(int) - 128).max() <= 2


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_and_palette(mode: str):
    picture = large().convert(mode)
    found = read(saved("PNG", picture, icc_profile=P3))
    plain = read(saved("PNG", picture))
    assert found.shape == plain.shape
    assert (np.abs(found.astype(int) - plain) > 10).any() == (mode != "LA")


def test_parts_of_a_tiff_are_those_of_the_whole(tmp_path: Path):
    path = tmp_path / "wide.tif"
    tags = [(34675, 7, len(P3), P3, True)]
    tifffile.imwrite(path, np.asarray(large()), photometric="rgb", tile=(16, 16), extratags=tags)
    whole = read(path)
    assert np.abs(whole[8:9, 8::16] - seen(COLORS, _primaries(P3), 2.2)).max() < 5
    with open_parts(path) as parts:
        np.testing.assert_array_equal(parts.read(0, 0, *parts.size), whole)


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 3)])
def test_odd_sizes(size: tuple[int, int]):
    picture = PillowImage.new("RGB", size, (230, 60, 40))
    assert read(saved("PNG", picture, icc_profile=P3)).shape == (size[1], size[0], 3)
