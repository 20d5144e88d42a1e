"""Areas and their outlines: every pixel comes back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from easyseg.datasets.polygons import fill_polygon
from easyseg.export.keyhole import keyhole
from easyseg.export.outlines import area_of, outline
from easyseg.export.regions import regions

LABELS = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.integers(0, 3)
)


def drawn(text: str) -> np.ndarray:
    """Labels from a drawing of rows: # is 1."""
    return np.array([[cell == "#" for cell in row] for row in text.split()], np.uint8)


def outlines(labels: np.ndarray) -> list[list[list[list[int]]]]:
    return [[ring.tolist() for ring in outline(region)] for region in regions(labels, [1])]


@given(LABELS)
@settings(max_examples=60, deadline=None)
def test_areas_and_their_outlines_cover_all_pixels_once(labels: np.ndarray):
    covered = np.zeros(labels.shape, int)
    for region in regions(labels, range(4)):
        rings = outline(region)
        mask = np.zeros(labels.shape, np.bool_)
        for ring in rings:
            mask ^= fill_polygon(ring, labels.shape)
            assert len(np.unique(ring, axis=0)) == len(ring)  # none comes back to a corner
        np.testing.assert_array_equal(fill_polygon(keyhole(rings), labels.shape), mask)
        assert (labels[mask] == region.class_id).all()
        assert mask.sum() == region.pixels == region.mask.sum()
        assert sum(area_of(ring) for ring in rings) == 2 * region.pixels
        assert [area_of(ring) > 0 for ring in rings] == [True, *[False] * (len(rings) - 1)]
        covered += mask
    np.testing.assert_array_equal(covered, 1)


@given(LABELS)
@settings(max_examples=40, deadline=None)
def test_areas_are_those_of_a_flood(labels: np.ndarray):
    """Against filling from pixel to pixel."""
    height, width = labels.shape
    number = np.zeros(labels.shape, int)
    for start in np.ndindex(labels.shape):
        if number[start]:
            continue
        stack, number[start] = [start], number.max() + 1
        while stack:
            row, column = stack.pop()
            for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                y, x = row + down, column + right
                inside = 0 <= y < height and 0 <= x < width
                if inside and not number[y, x] and labels[y, x] == labels[start]:
                    number[y, x] = number[start]
                    stack.append((y, x))
    found = list(regions(labels, range(4)))
    assert len(found) == number.max()
    for region in found:
        left, top, across, down = region.box
        box = number[top : top + down, left : left + across]
        assert len(np.unique(box[region.mask])) == 1
        assert region.mask[0].any()
        assert region.mask[-1].any()
        assert region.mask[:, 0].any()
        assert region.mask[:, -1].any()


def test_one_pixel():
    assert outlines(drawn("... .#. ...")) == [[[[1, 1], [2, 1], [2, 2], [1, 2]]]]


def test_a_hole():
    exterior, hole = outlines(drawn("### #.# ###"))[0]
    assert exterior == [[0, 0], [3, 0], [3, 3], [0, 3]]
    assert sorted(hole) == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_pixels_that_touch_by_a_corner_are_two_areas():
    assert len(outlines(drawn("#. .#"))) == 2
    assert len(outlines(drawn(".# #."))) == 2


def test_an_area_that_closes_by_a_corner_has_a_hole_that_touches():
    exterior, hole = outlines(drawn("##. #.# ###"))[0]
    assert [2, 1] in exterior
    assert [2, 1] in hole


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 3)])
def test_odd_sizes(size: tuple[int, int]):
    ((exterior,),) = outlines(np.ones(size, np.uint8))
    assert sorted(exterior) == sorted([[0, 0], [size[1], 0], [size[1], size[0]], [0, size[0]]])


def test_small_areas_are_left_out():
    labels = drawn("##... ##... ....#")
    assert [region.pixels for region in regions(labels, [1], min_area=4)] == [4]
    assert [region.pixels for region in regions(labels, [1], min_area=0)] == [4, 1]
    assert [region.class_id for region in regions(labels, [1, 0, 1])] == [1, 1, 0]


def test_simplified_outlines_stay_near():
    rows, columns = np.mgrid[:200, :200]
    labels = np.uint8((rows - 100) ** 2 + (columns - 100) ** 2 < 80**2)
    (region,) = regions(labels, [1])
    exact, simple = outline(region)[0], outline(region, simplify=1.5)[0]
    assert len(simple) < len(exact) / 8
    distance = np.hypot(*(simple - 100).T)
    assert 78 < distance.min() < distance.max() < 82
    difference = fill_polygon(simple, (200, 200)) != (labels == 1)
    assert difference.mean() < 0.01
    (tiny,) = regions(drawn("#"), [1])
    assert len(outline(tiny, simplify=50)[0]) >= 3


def joined_one_by_one(rings: list[np.ndarray]) -> np.ndarray:
    """The obvious way to a keyhole: every hole is held against all corners so far."""
    joined, *holes = rings
    for hole in sorted(holes, key=lambda ring: int(ring[:, 0].min())):
        start = int(hole[:, 0].argmin())
        there = int(np.abs(joined - hole[start]).sum(axis=1).argmin())
        around = np.roll(hole, -start, axis=0)
        bridge = [joined[: there + 1], around, around[:1], joined[there : there + 1]]
        joined = np.concatenate([*bridge, joined[there + 1 :]])
    return joined


@given(
    arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=3, max_side=40)),
    st.sampled_from([0.0, 1.5]),
)
@settings(max_examples=150, deadline=None)
def test_bridges_are_those_of_the_obvious_way(holes: np.ndarray, simplify: float):
    labels = (~holes).astype(np.uint8)
    labels[0], labels[:, 0] = 1, 1
    for region in regions(labels, [1]):
        rings = outline(region, simplify=simplify)
        np.testing.assert_array_equal(keyhole(rings), joined_one_by_one(rings))


@pytest.mark.parametrize("gap", [2, 1 << 256])
def test_many_holes_one_behind_the_other(gap, monkeypatch):
    """Each hangs on the one before, so that the room between two corners shrinks and shrinks."""
    monkeypatch.setattr("easyseg.export.keyhole._GAP", gap)
    labels = np.ones((9, 1500), np.uint8)
    labels[4, 2:-2:3] = 0
    labels[3:6, 700:703] = 1
    rings = outline(next(iter(regions(labels, [1]))))
    np.testing.assert_array_equal(keyhole(rings), joined_one_by_one(rings))
