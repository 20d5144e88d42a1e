"""The overlay: what is blended, what is left alone, where the lines are."""

import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyseg.errors import InputError
from easyseg.labels import ADE20K, PASCAL_VOC
from easyseg.render import overlay
from easyseg.render.colorize import color_table, outline_table
from easyseg.render.overlay import COMPILED

SIZES = [(1, 1), (1, 4000), (4000, 3), (2, 2), (17, 300)]
PLAIN = {"outline": False, "legend": False}


def _photograph(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def _scene(height=60, width=80):
    """VOC: background with a person, a dog beside it, and a strip of void around both."""
    labels = np.zeros((height, width), np.uint8)
    labels[8:52, 8:72] = 255
    labels[10:50, 10:40] = 15
    labels[10:50, 40:70] = 12
    return labels


def test_classes_are_blended_and_the_rest_is_the_photograph():
    image, labels = _photograph((60, 80)), _scene()
    result = overlay(image, labels, PASCAL_VOC, alpha=0.5, **PLAIN)
    drawn = (labels == 15) | (labels == 12)
    np.testing.assert_array_equal(result[~drawn], image[~drawn])
    exact = 0.5 * image[drawn] + 0.5 * PASCAL_VOC.palette[labels[drawn]]
    assert np.abs(result[drawn] - exact).max() <= 0.5


def test_alpha_zero_is_an_identical_copy():
    image = _photograph((60, 80))
    result = overlay(image, _scene(), PASCAL_VOC, alpha=0, **PLAIN)
    np.testing.assert_array_equal(result, image)
    assert not np.shares_memory(result, image)


def test_alpha_one_is_the_plain_palette():
    labels = np.random.default_rng(0).integers(0, 150, (40, 50), dtype=np.uint8)
    result = overlay(_photograph((40, 50)), labels, ADE20K, alpha=1, **PLAIN)
    np.testing.assert_array_equal(result, ADE20K.palette[labels])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.floats(0, 1))
def test_no_false_colours(seed, height, width, alpha):
    """Every pixel is the photograph's, the blend with its class's colour, or its line's colour."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    labels = rng.choice(np.array([0, 3, 15, 20, 255], np.uint8), (height, width))
    result = overlay(image, labels, PASCAL_VOC, alpha=alpha, legend=False)
    untouched = (labels == 0) | (labels == 255)
    np.testing.assert_array_equal(result[untouched], image[untouched])
    blend = (1 - alpha) * image + alpha * color_table(PASCAL_VOC)[labels]
    is_blend = (np.abs(result - blend) <= 0.5 + 1e-3).all(axis=2)
    is_line = (result == outline_table(PASCAL_VOC)[labels]).all(axis=2)
    assert (untouched | is_blend | is_line).all()


def test_lines_run_along_the_borders_of_drawn_classes_only():
    image, labels = np.zeros((60, 80, 3), np.uint8), _scene()
    filled = overlay(image, labels, PASCAL_VOC, **PLAIN)
    lined = overlay(image, labels, PASCAL_VOC, legend=False)
    changed = (filled != lined).any(axis=2)
    expected = np.zeros((60, 80), bool)
    expected[10:50, 10:70] = True
    expected[11:49, 11:39] = expected[11:49, 41:69] = False
    np.testing.assert_array_equal(changed, expected)
    np.testing.assert_array_equal(lined[changed], outline_table(PASCAL_VOC)[labels[changed]])


def test_lines_grow_with_the_picture():
    def width_of_line(height, width):
        labels = np.zeros((height, width), np.uint8)
        labels[:, width // 2 :] = 15
        image = np.zeros((height, width, 3), np.uint8)
        lined = overlay(image, labels, PASCAL_VOC, alpha=0, legend=False)
        return np.count_nonzero(lined[0].any(axis=1))

    assert [width_of_line(240, 320), width_of_line(1080, 1920), width_of_line(2160, 3840)] == [
        1,
        2,
        3,
    ]


def test_classes_restricts_what_is_drawn():
    image, labels = _photograph((60, 80)), _scene()
    result = overlay(image, labels, PASCAL_VOC, classes="dog", legend=False)
    np.testing.assert_array_equal(result[labels != 12], image[labels != 12])
    assert (result[labels == 12] != image[labels == 12]).any()
    both = overlay(image, labels, PASCAL_VOC, classes=["dog", 15], legend=False)
    np.testing.assert_array_equal(both, overlay(image, labels, PASCAL_VOC, legend=False))


def test_the_background_is_left_alone_even_when_asked_for():
    image, labels = _photograph((60, 80)), _scene()
    result = overlay(image, labels, PASCAL_VOC, classes=["background", "cat"])
    np.testing.assert_array_equal(result, image)


def test_a_set_without_background_draws_its_first_class():
    image, labels = _photograph((20, 20)), np.zeros((20, 20), np.uint8)
    assert (overlay(image, labels, ADE20K, alpha=1, **PLAIN) == ADE20K.palette[0]).all()


def test_inputs_are_not_touched_and_may_be_read_only():
    image, labels = _photograph((300, 400)), np.zeros((300, 400), np.uint8)
    labels[50:200, 60:300] = 15
    image.flags.writeable = labels.flags.writeable = False
    before = image.copy(), labels.copy()
    result = overlay(image, labels, PASCAL_VOC)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(labels, before[1])
    assert result.flags.writeable


def test_arrays_in_any_layout():
    image, labels = _photograph((60, 80)), _scene()
    expected = overlay(image[::-1].copy(), labels[::-1].copy(), PASCAL_VOC)
    np.testing.assert_array_equal(overlay(image[::-1], labels[::-1], PASCAL_VOC), expected)
    fortran = overlay(np.asfortranarray(image), np.asfortranarray(labels), PASCAL_VOC)
    np.testing.assert_array_equal(fortran, overlay(image, labels, PASCAL_VOC))


@pytest.mark.parametrize("shape", SIZES)
def test_odd_sizes(shape):
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    labels = rng.integers(0, 21, shape, dtype=np.uint8)
    result = overlay(image, labels, PASCAL_VOC)
    assert result.shape == image.shape
    assert result.dtype == np.uint8


@pytest.mark.parametrize("alpha", [-0.1, 1.01, float("nan"), float("inf"), "0.5", None])
def test_alpha_is_checked(alpha):
    with pytest.raises(InputError, match=r"alpha must be from 0 .* got "):
        overlay(_photograph((4, 4)), np.zeros((4, 4), np.uint8), PASCAL_VOC, alpha=alpha)


def test_sizes_that_differ_are_both_named():
    with pytest.raises(InputError, match=r"image \(4, 5, 3\) and labels \(5, 4\)"):
        overlay(_photograph((4, 5)), np.zeros((5, 4), np.uint8), PASCAL_VOC)


@pytest.mark.parametrize(
    ("image", "came"),
    [
        (np.zeros((4, 4, 3), np.float32), r"float32 of shape \(4, 4, 3\)"),
        (np.zeros((4, 4), np.uint8), r"uint8 of shape \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"uint8 of shape \(4, 4, 4\)"),
        ("photo.jpg", "got str"),
    ],
)
def test_other_images_are_refused(image, came):
    with pytest.raises(InputError, match=came):
        overlay(image, np.zeros((4, 4), np.uint8), PASCAL_VOC)


def test_an_unknown_class_is_refused():
    with pytest.raises(InputError, match="persn"):
        overlay(_photograph((4, 4)), np.zeros((4, 4), np.uint8), PASCAL_VOC, classes="persn")


@pytest.fixture
def compiled():
    """Gives a function that draws an overlay with numba and without, which must be the same."""
    pytest.importorskip("numba")
    before = COMPILED._module

    def both(*args, **kwargs):
        COMPILED._module = None
        plain = overlay(*args, **kwargs)
        assert COMPILED.load()
        fast = overlay(*args, **kwargs)
        np.testing.assert_array_equal(fast, plain)
        return fast

    yield both
    COMPILED._module = before


@pytest.mark.parametrize("shape", [*SIZES, (33, 65), (1, 2), (3, 1), (300, 420)])
@pytest.mark.parametrize("options", [PLAIN, {"legend": False}, {}, {"classes": ["dog", 3]}])
def test_compiled_code_draws_the_same(compiled, shape, options):
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    noise = rng.choice(np.array([0, 3, 12, 20, 255], np.uint8), shape)
    areas = np.kron(noise[::20, ::20], np.ones((20, 20), np.uint8))[: shape[0], : shape[1]]
    for labels in (noise, np.ascontiguousarray(areas), np.zeros(shape, np.uint8)):
        compiled(image, labels, PASCAL_VOC, **options)


@pytest.mark.parametrize("thickness", [1, 2, 3, 5])
def test_compiled_lines_are_as_thick(monkeypatch, thickness, compiled):
    monkeypatch.setattr(
        sys.modules["easyseg.render.overlay"], "outline_thickness", lambda *_: thickness
    )
    labels = np.random.default_rng(5).integers(0, 9, (9, 12), dtype=np.uint8)
    labels = np.kron(labels, np.ones((11, 9), np.uint8))
    compiled(_photograph(labels.shape), labels, ADE20K)


def test_compiled_code_takes_any_alpha_and_layout(compiled):
    image, labels = _photograph((60, 80)), _scene()
    for alpha in (0, 0.1, 0.5, 0.6, np.float32(0.3), 1):
        compiled(image, labels, PASCAL_VOC, alpha=alpha)
    compiled(image[::-1, ::-1], labels[::-1, ::-1], PASCAL_VOC)
    compiled(np.asfortranarray(image), np.asfortranarray(labels), PASCAL_VOC)
    image.flags.writeable = labels.flags.writeable = False
    compiled(image, labels, PASCAL_VOC)


def test_where_compiled_code_would_round_otherwise_it_is_not_used(compiled, monkeypatch):
    image, labels = _photograph((60, 80)), _scene()
    expected = compiled(image, labels, PASCAL_VOC)
    wrong = ModuleType("wrong")
    wrong.blend_bytes = lambda *_: None
    monkeypatch.setattr(COMPILED, "_module", wrong)
    np.testing.assert_array_equal(overlay(image, labels, PASCAL_VOC), expected)
