"""What `probability` does, compiled by numba; see `compiled` for how and why."""

# mypy: disable-error-code="untyped-decorator, return-value, arg-type"

import math

import numba
import numpy as np
import numpy.typing as npt

from easyseg._types import FloatMap

_Ids = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32]

_FAST = {"contract", "reassoc"}
"""What LLVM may do with sums: fuse and reorder them, so that eight run at a time."""

_LOG2_E = np.float32(1 / math.log(2))
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(math.log(2) - 0.693359375)
_SMALLEST = np.float32(-87)
# A Taylor polynomial of degree 6 on -ln(2)/2..ln(2)/2 is off by less than float32 can tell.
_C3, _C4, _C5, _C6 = (np.float32(1 / math.factorial(n)) for n in (3, 4, 5, 6))
_SAFE_SPAN = np.float32(70)
"""As `probability.SAFE_SPAN`."""


@numba.njit("void(f4[::1], i4[::1])", nogil=True, cache=True, fastmath={"contract"})
def exponentials_(values: _Floats, bits: npt.NDArray[np.int32]) -> None:
    """Replace float32 values, at most 87, by their exponentials, in loops of plain arithmetic.

    Args:
        values: Shape (n,); results below the normal float32 become 0.
        bits: The same memory as int32.
    """
    for place in range(len(values)):
        value = values[place]
        clipped = max(value, _SMALLEST)
        power = np.floor(clipped * _LOG2_E + np.float32(0.5))
        rest = (clipped - power * _LN2_HIGH) - power * _LN2_LOW
        result = _C5 + rest * _C6
        result = _C4 + rest * result
        result = _C3 + rest * result
        result = np.float32(0.5) + rest * result
        result = np.float32(1) + rest * result
        values[place] = np.float32(1) + rest * result
        # 2 to the power, by adding to the exponent's bits.
        bits[place] += np.int32(power) << np.int32(23)
        if value < _SMALLEST:
            bits[place] = np.int32(0)


@numba.njit("f4(f4[::1], f4[::1])", nogil=True, cache=True, fastmath=_FAST)
def _total(terms: _Floats, factor: _Floats) -> float:
    """Sum the terms, and go on to the next pixel."""
    total = np.float32(0)
    for class_id in range(len(terms)):
        total += terms[class_id]
        terms[class_id] *= factor[class_id]
    return total


@numba.njit("f4(f4[::1], f4[::1])", nogil=True, cache=True, fastmath=_FAST)
def _weighted(terms: _Floats, weight: _Floats) -> float:
    total = np.float32(0)
    for class_id in range(len(terms)):
        total += terms[class_id] * weight[class_id]
    return total


@numba.njit("b1(f4[::1], f4[::1], f4)", nogil=True, cache=True)
def _prepare(start: _Floats, slope: _Floats, steps: float) -> bool:
    """Bring the highest logit of a run to 0 and say whether a geometric sequence is exact there.

    Args:
        start: Logits of the run's first pixel; changed.
        slope: What each gains from pixel to pixel.
        steps: How many pixels more there are.
    """
    highest, floor, steepest = np.float32(-np.inf), np.float32(-np.inf), np.float32(0)
    for class_id in range(len(start)):
        end = start[class_id] + slope[class_id] * steps
        highest = max(highest, max(start[class_id], end))
        floor = max(floor, min(start[class_id], end))
        steepest = max(steepest, abs(slope[class_id]))
    for class_id in range(len(start)):
        start[class_id] -= highest
    return (highest - floor) + steepest * (steps + np.float32(1)) <= _SAFE_SPAN


@numba.njit("void(f4[::1], f4[::1], f4, f4[::1])", nogil=True, cache=True)
def _exact_terms(start: _Floats, slope: _Floats, steps: float, terms: _Floats) -> None:
    highest = np.float32(-np.inf)
    for class_id in range(len(start)):
        terms[class_id] = start[class_id] + slope[class_id] * steps
        highest = max(highest, terms[class_id])
    for class_id in range(len(start)):
        terms[class_id] = np.exp(terms[class_id] - highest)


@numba.njit(
    "void(f4[:,:,::1], i8[:,::1], i8[:,::1], f4[::1], f4[::1], i2[:,::1], f4[::1], f4[:,::1],"
    " i8, i8)",
    nogil=True,
    cache=True,
    fastmath={"contract"},
)
def share_rows(
    pixels: FloatMap,
    rows: _Ids,
    columns: _Ids,
    down: _Floats,
    across: _Floats,
    labels: npt.NDArray[np.int16],
    weight: _Floats,
    shares: _Floats,
    first: int,
    last: int,
) -> None:
    """Write a share of each pixel's softmax: that of its label, or that of chosen classes.

    Args:
        pixels: Logits, shape (h, w, C).
        rows: (low, high) of each row of the picture, shape (H, 2).
        columns: (low, high, start, stop) of every horizontal run, shape (runs, 4).
        down: Weight of the lower logit in each row, shape (H,).
        across: Weight of the right logit in each column, shape (W,).
        labels: The class of each pixel, negative for none, shape (H, W); with no rows, the chosen
            classes count.
        weight: 1 for the chosen classes, else 0, shape (C,).
        shares: Written to, shape (H, W).
        first: Row to begin with.
        last: Row to stop before.
    """
    classes = pixels.shape[2]
    line = np.empty((pixels.shape[1], classes), np.float32)
    start, slope = np.empty(classes, np.float32), np.empty(classes, np.float32)
    factor, terms = np.empty(classes, np.float32), np.empty(classes, np.float32)
    none = np.zeros(classes, np.float32)
    for y in range(first, last):
        low, high = pixels[rows[y, 0]], pixels[rows[y, 1]]
        for x in range(len(line)):
            for class_id in range(classes):
                near = low[x, class_id]
                line[x, class_id] = near + (high[x, class_id] - near) * down[y]
        for run in range(len(columns)):
            left, right, x_start, x_stop = columns[run]
            steps = np.float32(x_stop - 1 - x_start)
            stride = (across[x_stop - 1] - across[x_start]) / max(steps, np.float32(1))
            for class_id in range(classes):
                gain = line[right, class_id] - line[left, class_id]
                start[class_id] = line[left, class_id] + gain * across[x_start]
                slope[class_id] = gain * stride
            smooth = _prepare(start, slope, steps)
            if smooth:
                terms[:], factor[:] = start, slope
                exponentials_(terms, terms.view(np.int32))
                exponentials_(factor, factor.view(np.int32))
            for x in range(x_start, x_stop):
                if not smooth:
                    _exact_terms(start, slope, np.float32(x - x_start), terms)
                if len(labels):
                    label = labels[y, x]
                    part = terms[label] if 0 <= label < classes else np.float32(0)
                else:
                    part = _weighted(terms, weight)
                total = _total(terms, factor if smooth else none)
                shares[y, x] = min(part / total, np.float32(1))
