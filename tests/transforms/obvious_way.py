"""The obvious way from logits to labels, and logits of many kinds to compare it with ours."""

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from easyseg.transforms import Geometry, accelerator

TIE = 1e-5
"""Classes whose logits differ by less, relative to the largest one, are equal in float32."""


WAYS = ("numpy", "numba")


@contextlib.contextmanager
def computed_by(way: str) -> Iterator[None]:
    """Has everything inside computed by NumPy and PyTorch, or by the kernels of numba."""
    before = accelerator.RESTORING._module
    if way == "numba":
        pytest.importorskip("numba")
        assert accelerator.RESTORING.load()
    else:
        accelerator.RESTORING._module = None
    try:
        yield
    finally:
        accelerator.RESTORING._module = before


def plain(size: tuple[int, int], *, align_corners: bool = False) -> Geometry:
    return Geometry(size, size, size, align_corners=align_corners)


def smooth(classes: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Logits like a network's: large areas with soft borders, shape (1, C, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, classes, max(2, height // 8), max(2, width // 8), generator=generator)
    return 6 * F.interpolate(coarse, (height, width), mode="bicubic")


def enlarge(logits: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """The obvious way, (C, H, W): torch where it can, else written out in double precision."""
    logits = logits.float().reshape(-1, *logits.shape[-2:]).contiguous()
    if geometry.resized == geometry.padded:
        return F.interpolate(
            logits[None],
            geometry.original,
            mode="bilinear",
            align_corners=geometry.align_corners,
        )[0]
    logits = logits.double()
    for axis in (0, 1):
        low, high, share = positions(geometry, axis, logits.shape[axis + 1])
        shape = (-1, 1) if axis == 0 else (-1,)
        near, far = logits.index_select(axis + 1, low), logits.index_select(axis + 1, high)
        logits = near * (1 - share).view(shape) + far * share.view(shape)
    return logits


def positions(
    geometry: Geometry, axis: int, cells: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Step by step: photograph -> resized picture -> canvas -> logits."""
    original, resized = geometry.original[axis], geometry.resized[axis]
    padded, offset = geometry.padded[axis], geometry.offset[axis]
    position = torch.arange(original, dtype=torch.float64)
    if geometry.align_corners and resized == padded:  # one of 1 has both corners, too
        position = position * ((cells - 1) / max(original - 1, 1))
    elif geometry.align_corners:
        position = position * ((resized - 1) / max(original - 1, 1))
        position = (position + offset) * ((cells - 1) / max(padded - 1, 1))
    else:
        position = (position + 0.5) * (resized / original) - 0.5
        position = (position + offset + 0.5) * (cells / padded) - 0.5
    position = position.clamp(0, cells - 1)
    low = position.long().clamp(max=cells - 1)
    return low, (low + 1).clamp(max=cells - 1), position - low


def count_ties(labels: np.ndarray, volume: torch.Tensor) -> int:
    """Number of pixels that differ from the argmax; fails where one differs by more than a tie."""
    assert labels.dtype == np.uint8
    assert labels.shape == tuple(volume.shape[1:])
    best = volume.max(dim=0).values
    ours = volume.gather(0, torch.from_numpy(labels).long()[None])[0]
    gap = (best - ours).max().item()
    assert gap <= TIE * volume.abs().max().item(), f"a class {gap} below the best won a pixel"
    return int((torch.from_numpy(labels) != volume.argmax(dim=0)).sum())


@st.composite
def cases(draw: st.DrawFn) -> tuple[torch.Tensor, Geometry]:
    """Logits of many shapes, layouts, types and kinds, and a geometry they may belong to."""
    classes = draw(st.integers(1, 24))
    height, width = draw(st.integers(1, 13)), draw(st.integers(1, 13))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    logits = torch.randn(1, classes, height, width, generator=generator) * 5
    if draw(st.booleans()):
        logits = smooth(classes, height, width, seed=draw(st.integers(0, 2**32)))
    logits = logits.to(draw(st.sampled_from([torch.float32, torch.bfloat16, torch.float16])))
    layout = draw(st.sampled_from(["planes", "pixels", "sliced", "transposed"]))
    if layout == "pixels":
        logits = logits.contiguous(memory_format=torch.channels_last)
    elif layout == "sliced":
        logits = torch.cat([logits, logits], dim=1).contiguous(memory_format=torch.channels_last)
        logits = logits[:, classes:]
    elif layout == "transposed":
        logits = logits.transpose(2, 3).contiguous().transpose(2, 3)
    original = draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    align_corners = draw(st.booleans())
    if draw(st.booleans()):
        return logits, plain(original, align_corners=align_corners)
    resized = draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    offset = draw(st.tuples(st.integers(0, 20), st.integers(0, 20)))
    more = draw(st.tuples(st.integers(0, 20), st.integers(0, 20)))
    padded = (resized[0] + offset[0] + more[0], resized[1] + offset[1] + more[1])
    return logits, Geometry(original, resized, padded, offset, align_corners)
