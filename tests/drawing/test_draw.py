"""The drawing primitives against plain NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyseg.drawing import draw

SHAPES = [(1, 1), (1, 4000), (4000, 3), (7, 13), (64, 33)]


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("shape", SHAPES)
def test_lookup_gives_exactly_the_table(rng, shape):
    table = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    labels = rng.integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(draw.lookup(labels, table), table[labels])


def test_lookup_of_every_value(rng):
    table = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(draw.lookup(labels, table).reshape(256, 3), table)


def test_read_only_and_strided_arrays_are_fine(rng):
    table = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    table.flags.writeable = False
    labels = rng.integers(0, 256, (20, 30), dtype=np.uint8)[::-2, ::3]
    labels.flags.writeable = False
    np.testing.assert_array_equal(draw.lookup(labels, table), table[labels])
    np.testing.assert_array_equal(draw.count(labels), np.bincount(labels.ravel(), minlength=256))


@pytest.mark.parametrize("shape", SHAPES)
def test_relabel(rng, shape):
    table = rng.permutation(256).astype(np.uint8)
    labels = rng.integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(draw.relabel(labels, table), table[labels])


@pytest.mark.parametrize(
    "ids", [(), (5,), (255,), (0, 1, 2), (7, 3), (9, 8, 8, 200), tuple(range(256))]
)
def test_select(rng, ids):
    labels = rng.integers(0, 256, (40, 50), dtype=np.uint8)
    mask = draw.select(labels, ids)
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, np.isin(labels, ids))
    # A bool that is not stored as 0 or 1 would give surprises later on.
    np.testing.assert_array_equal(np.unique(mask.view(np.uint8)), np.unique(mask.astype(int)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("classes", [1, 2, 256])
def test_count(rng, shape, classes):
    labels = rng.integers(0, classes, shape, dtype=np.uint8)
    counts = draw.count(labels)
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, np.bincount(labels.ravel(), minlength=256))


def test_count_of_long_runs_and_several_chunks(monkeypatch):
    monkeypatch.setattr(draw, "_COUNT_CHUNK", 100)
    labels = np.repeat(np.arange(7, dtype=np.uint8), 150).reshape(30, 35)
    np.testing.assert_array_equal(draw.count(labels)[:8], [150] * 7 + [0])


def test_borders_lie_on_both_sides_and_not_at_the_frame():
    labels = np.zeros((5, 8), np.uint8)
    labels[:, 4:] = 9
    expected = np.zeros((5, 8), bool)
    expected[:, 3:5] = True
    np.testing.assert_array_equal(draw.borders(labels), expected)
    expected[:, 2:6] = True
    np.testing.assert_array_equal(draw.borders(labels, 2), expected)
    assert not draw.borders(np.full((5, 8), 4, np.uint8), 3).any()


@pytest.mark.parametrize("shape", [*SHAPES, (1, 9), (9, 1), (2, 2)])
@pytest.mark.parametrize("thickness", [1, 2, 3])
def test_borders_are_where_a_window_holds_several_labels(rng, shape, thickness):
    labels = (rng.integers(0, 40, shape) == 0).astype(np.uint8)
    padded = np.pad(labels, thickness, mode="edge")
    side = 2 * thickness + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    expected = windows.max(axis=(2, 3)) != windows.min(axis=(2, 3))
    np.testing.assert_array_equal(draw.borders(labels, thickness), expected)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.sampled_from(SHAPES[:1] + SHAPES[3:]))
def test_blend_is_the_rounded_mean(seed, alpha, shape):
    rng = np.random.default_rng(seed)
    image, color = rng.integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    mask = rng.random(shape) < 0.5
    before = image.copy(), color.copy()
    exact = (1 - alpha) * image + alpha * color
    blended = draw.blend(image, color, alpha)
    assert np.abs(blended - exact).max() <= 0.5 + 1e-3
    masked = draw.blend(image, color, alpha, mask)
    np.testing.assert_array_equal(masked, np.where(mask[..., None], blended, image))
    np.testing.assert_array_equal((image, color), before)


def test_blend_at_the_ends_is_exact(rng):
    image, color = rng.integers(0, 256, (2, 9, 11, 3), dtype=np.uint8)
    np.testing.assert_array_equal(draw.blend(image, color, 0), image)
    np.testing.assert_array_equal(draw.blend(image, color, 1), color)


@pytest.mark.parametrize("share", [0, 0.01, 0.9, 1])
def test_paint_writes_the_masked_pixels_only(rng, share):
    table = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    labels = rng.integers(0, 256, (50, 60), dtype=np.uint8)
    mask = rng.random((50, 60)) < share
    canvas = rng.integers(0, 256, (50, 60, 3), dtype=np.uint8)
    expected = np.where(mask[..., None], table[labels], canvas)
    draw.paint_(canvas, labels, table, mask)
    np.testing.assert_array_equal(canvas, expected)


def test_a_rectangle_covers_its_box_and_nothing_else():
    builder = draw.SpriteBuilder(6, 8)
    builder.add_rectangle(1, 2, (3, 4), (200, 100, 50), opacity=0.5)
    canvas = np.full((10, 12, 3), 100, np.uint8)
    builder.build().draw_onto_(canvas, 2, 3)
    expected = np.full((10, 12, 3), 100, np.uint8)
    expected[3:6, 5:9] = (150, 100, 75)
    np.testing.assert_array_equal(canvas, expected)


def test_round_corners_are_cut_symmetrically():
    builder = draw.SpriteBuilder(20, 30)
    builder.add_rectangle(0, 0, (20, 30), (255, 255, 255), radius=6)
    opacity = builder.build().opacity
    assert opacity[0, 0] == 0
    assert opacity[10, 0] == opacity[0, 15] == opacity[10, 15] == 1
    np.testing.assert_array_equal(opacity, opacity[::-1])
    np.testing.assert_array_equal(opacity, opacity[:, ::-1])


def test_a_later_shape_hides_an_earlier_one():
    builder = draw.SpriteBuilder(4, 4)
    builder.add_rectangle(0, 0, (4, 4), (10, 20, 30), opacity=0.5)
    builder.add_rectangle(0, 0, (4, 2), (200, 210, 220))
    sprite = builder.build()
    np.testing.assert_array_equal(sprite.color[:, :2], np.full((4, 2, 3), (200, 210, 220)))
    np.testing.assert_array_equal(sprite.color[:, 2:], np.full((4, 2, 3), (10, 20, 30)))
    np.testing.assert_array_equal(sprite.opacity, [[1, 1, 0.5, 0.5]] * 4)


def test_text_stands_on_its_baseline():
    builder = draw.SpriteBuilder(40, 200)
    builder.add_text(30, 5, "Hill", 20, (255, 255, 255))
    rows = np.flatnonzero(builder.build().opacity.any(axis=1))
    assert rows.max() == 29
    assert rows.min() <= 30 - draw.capital_height(20)


def test_text_has_soft_edges_and_grows_with_its_size():
    builder = draw.SpriteBuilder(60, 200)
    builder.add_text(40, 0, "sofa", 24, (255, 255, 255))
    opacity = builder.build().opacity
    assert opacity.max() > 0.95
    assert ((opacity > 0.1) & (opacity < 0.9)).any()
    assert draw.text_width("sofa", 12) < draw.text_width("sofa", 24) < draw.text_width("sofas", 24)
    assert draw.text_width("", 24) == 0


def test_the_last_letter_of_a_text_is_inside_its_width():
    width = draw.text_width("swivel chair", 30)
    wide, exact = draw.SpriteBuilder(60, width + 40), draw.SpriteBuilder(60, width)
    for builder in (wide, exact):
        builder.add_text(40, 0, "swivel chair", 30, (255, 255, 255))
    np.testing.assert_array_equal(wide.build().opacity[:, :width], exact.build().opacity)
    assert not wide.build().opacity[:, width:].any()
    assert exact.build().opacity[:, -4:].any()


@pytest.mark.parametrize("size", [10, 11, 14, 25, 42])
def test_numbers_of_as_many_digits_are_as_wide(size):
    widths = {draw.number_width(number, size) for number in ("11.1 %", "47.0 %", "88.8 %")}
    assert len(widths) == 1
    builder = draw.SpriteBuilder(80, 301)
    builder.add_number(60, 300, "11.1 %", size, (255, 255, 255))
    columns = np.flatnonzero(builder.build().opacity.any(axis=0))
    assert 300 - widths.pop() <= columns.min() < columns.max() <= 300
