"""Brings frames of high dynamic range (PQ, HLG) to the range of a usual screen."""

import functools
import tempfile
import threading
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, ColorTrc

from easyseg._types import Image

Floats = npt.NDArray[np.float64]

HDR = {int(ColorTrc.SMPTE2084): "PQ", int(ColorTrc.ARIB_STD_B67): "HLG"}
"""Transfer functions of high dynamic range, by AVColorTransferCharacteristic's values."""

WHITE = 203.0
"""Candelas a square metre of diffuse white, by ITU-R BT.2408; a usual screen's white."""

PEAK = 1000.0
"""Candelas a square metre of the brightest light that is told apart; HLG's nominal peak."""

_NODES = 33
_UNTAGGED = {0, 2}
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
"""From the primaries of BT.2020 to those of BT.709, by ITU-R BT.2087."""

_M1, _M2, _C1, _C2, _C3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
"""SMPTE ST 2084's constants."""

_of_thread = threading.local()


def tone_mapped(picture: VideoFrame) -> Image:
    """Makes a picture of a frame of high dynamic range.

    Light up to about half of white stays as it is; what is brighter is compressed by the curve of
    ITU-R BT.2390, by its brightest channel, so that hues stay. Colours beyond BT.709 are cut off.

    Args:
        picture: As the decoder gave it; its transfer function is one of `HDR`.

    Returns:
        RGB uint8 (H, W, 3), as sRGB.
    """
    source = Colorspace.BT2020 if picture.colorspace in _UNTAGGED else None
    deep = picture.reformat(
        format="rgb48le", src_colorspace=source, dst_color_range=ColorRange.JPEG
    )
    graph = _graph(deep.width, deep.height, HDR[picture.color_trc])
    deep.pts = None
    graph.push(deep)
    return cast(Image, cast(VideoFrame, graph.pull()).to_ndarray())


def to_sdr(code: Floats, transfer: str) -> Floats:
    """Maps colours of high dynamic range: what `tone_mapped` interpolates.

    Args:
        code: Values of R, G and B as they are coded, 0 to 1, (..., 3).
        transfer: `"PQ"` or `"HLG"`.

    Returns:
        Values of sRGB, 0 to 1, (..., 3).
    """
    light = _pq_to_light(code) if transfer == "PQ" else _hlg_to_light(code)
    brightest = light.max(axis=-1, keepdims=True)
    scale = _compressed(brightest) / np.maximum(brightest, 1e-6)
    linear = np.clip(light * scale / WHITE @ _TO_BT709.T, 0, 1)
    return _array(
        np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    )


def _compressed(light: Floats) -> Floats:
    """The curve of ITU-R BT.2390, section 5.4.1, from `PEAK` to `WHITE`, in cd/m2."""
    top = _light_to_pq(_array(PEAK))
    most = _light_to_pq(_array(WHITE)) / top
    knee = 1.5 * most - 0.5
    code = np.clip(_light_to_pq(light) / top, 0, 1)
    part = np.clip((code - knee) / (1 - knee), 0, 1)
    bent = (
        (2 * part**3 - 3 * part**2 + 1) * knee
        + (part**3 - 2 * part**2 + part) * (1 - knee)
        + (3 * part**2 - 2 * part**3) * most
    )
    return _pq_to_light(np.where(code < knee, code, bent) * top)


def _pq_to_light(code: Floats) -> Floats:
    """SMPTE ST 2084: cd/m2 of a coded value, 0 to 1."""
    root = code ** (1 / _M2)
    return _array(1e4 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1))


def _light_to_pq(light: Floats) -> Floats:
    power = (light / 1e4) ** _M1
    return _array(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def _hlg_to_light(code: Floats) -> Floats:
    """ITU-R BT.2100: cd/m2 of a coded value, 0 to 1, on a screen of `PEAK` with a gamma of 1.2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    return _array(PEAK * scene * np.maximum(luminance, 1e-9)[..., None] ** 0.2)


def _array(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, np.float64)


@functools.lru_cache(maxsize=len(HDR))
def _table(transfer: str) -> str:
    """The mapping in the format .cube, red changing fastest."""
    steps = np.linspace(0, 1, _NODES)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    values = to_sdr(np.stack([red, green, blue], axis=-1).reshape(-1, 3), transfer)
    rows = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in values.tolist())
    return f"LUT_3D_SIZE {_NODES}\n{rows}\n"


def _graph(width: int, height: int, transfer: str) -> Graph:
    """The filter for pictures of a size; kept for the next frame of the same thread."""
    key, graph = getattr(_of_thread, "kept", (None, None))
    if graph is None or key != (width, height, transfer):
        graph = _new_graph(width, height, transfer)
        _of_thread.kept = ((width, height, transfer), graph)
    return graph


def _new_graph(width: int, height: int, transfer: str) -> Graph:
    graph = Graph()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.cube"
        table.write_text(_table(transfer))
        source = graph.add_buffer(
            width=width, height=height, format=VideoFormat("rgb48le"), time_base=Fraction(1)
        )
        nodes = [source, graph.add("lut3d", file=str(table)), graph.add("format", "rgb24"),
                 graph.add("buffersink")]  # fmt: skip
        graph.link_nodes(*nodes)
        graph.configure()
    return graph
