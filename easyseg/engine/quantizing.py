"""Makes a model's network one of 8-bit integers, calibrated on photographs of the user's."""

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from typing_extensions import Unpack

from easyseg._types import AnyArray, PathLike
from easyseg.engine import conversion, loader
from easyseg.engine.backends import converted, openvino_backend
from easyseg.engine.backends.network import Checkpoint
from easyseg.engine.segmenter import Segmenter
from easyseg.errors import InputError, MediaError, ModelError
from easyseg.files import may_be_read
from easyseg.options import QuantizeOptions, documented
from easyseg.pictures.image import IMAGE_EXTENSIONS, ImageSource, read
from easyseg.transforms import Preprocess

MOST_PHOTOGRAPHS = 300
"""How many photographs are looked at: NNCF's own default."""

HELD_OUT = 5
"""Every how many-th photograph is kept from the calibration, to measure on."""


@dataclass(frozen=True)
class Quantized:
    """What was made, and how much of the answer stayed.

    Attributes:
        model: Full name of the model.
        path: The file, in the cache folder, that `precision="int8"` runs from now on.
        photographs: How many photographs it was calibrated on.
        held_out: How many others it was measured on; 0 where there was only one, which then served
            for both.
        agreement: Share of their pixels, 0 to 1, that get the same class as in float32.
        worst: The same of the photograph with the smallest share.
    """

    model: str
    path: Path
    photographs: int
    held_out: int
    agreement: float
    worst: float


@documented()
def quantize(
    model: PathLike,
    photographs: PathLike | Sequence[ImageSource],
    **options: Unpack[QuantizeOptions],
) -> Quantized:
    """Makes the 8-bit form of a model, which `Segmenter(model, precision="int8")` then runs.

    The ranges of the network's values are measured on photographs that should look like those to
    come; a hundred will do. Post-training quantisation by NNCF,
    https://github.com/openvinotoolkit/nncf

    Args:
        model: As for `Segmenter`.
        photographs: A folder, searched through all its depth, or a list of whatever
            `easyseg.segment` takes. The first `MOST_PHOTOGRAPHS` are used, and of these every
            `HELD_OUT`-th only to measure the agreement with the network in float32.

    Returns:
        What was made.

    Raises:
        InputError: If an argument is wrong, or there are no photographs.
        MediaError: If a photograph cannot be read.
        ModelError: If the model cannot be loaded or quantised, or a package is missing.
        DownloadError: If the model is not here and cannot be fetched.
    """
    conversion.need("int8")
    sources = _sources(photographs)
    exact = Segmenter(model, device="cpu", backend="openvino", precision="fp32", **options)
    held_out = sources[HELD_OUT - 1 :: HELD_OUT] or sources[1:2]
    # Not "not in": that compares arrays pixel by pixel.
    known = {id(source) for source in held_out}
    chosen = [source for source in sources if id(source) not in known]
    weights, file = loader.find(model, options["dataset"])
    size = options["size"]
    preprocess = weights.preprocess if size is None else weights.preprocess.with_size(size)
    checkpoint = Checkpoint(weights, file, options["output_stride"])
    path = openvino_backend.calibrated_path(checkpoint)
    parts = openvino_backend.as_parts(_calibrated(checkpoint.load(), chosen, preprocess))
    try:
        converted.replace(path, parts)
    except MediaError as error:
        raise ModelError(f"the 8-bit form cannot be kept as {str(path)!r}: {error}") from error
    rounded = Segmenter(model, device="cpu", precision="int8", **options)
    shares = [_agreement(exact, rounded, source) for source in held_out or chosen]
    pixels = sum(count for _, count in shares)
    return Quantized(
        model=weights.name,
        path=path,
        photographs=len(chosen),
        held_out=len(held_out),
        agreement=sum(same for same, _ in shares) / pixels,
        worst=min(same / count for same, count in shares),
    )


def _sources(photographs: PathLike | Sequence[ImageSource]) -> list[ImageSource]:
    if isinstance(photographs, (str, os.PathLike)):
        folder = Path(photographs).expanduser()
        if not folder.is_dir():
            raise InputError(f"photographs must be a folder or a list, and {str(folder)!r} is none")
        found = sorted(folder.rglob("*"))
        sources: list[ImageSource] = [
            path for path in found if path.suffix.lower() in IMAGE_EXTENSIONS and may_be_read(path)
        ]
    else:
        sources = list(photographs)
    if not sources:
        raise InputError("there is no photograph to calibrate on: give a hundred or so")
    return sources[:MOST_PHOTOGRAPHS]


def _calibrated(module: nn.Module, sources: Sequence[ImageSource], preprocess: Preprocess) -> Any:
    """Gives the network in 8 bits, an `openvino.Model`."""
    nncf = conversion.import_quietly("nncf")

    def inputs(source: ImageSource) -> AnyArray:
        x: AnyArray = preprocess(read(source))[0].numpy()
        return x

    is_transformer = any(isinstance(part, nn.LayerNorm) for part in module.modules())
    with _silent(nncf):
        try:
            return nncf.quantize(
                conversion.to_openvino(module),
                nncf.Dataset(sources, inputs),
                subset_size=len(sources),
                preset=nncf.QuantizationPreset.MIXED,
                model_type=nncf.ModelType.TRANSFORMER if is_transformer else None,
            )
        except (nncf.InternalError, nncf.ValidationError, RuntimeError, ValueError) as error:
            raise ModelError(f"NNCF cannot quantise this network: {error}") from error


@contextlib.contextmanager
def _silent(nncf: Any) -> Iterator[None]:
    """Keeps NNCF's messages and bars off the terminal."""
    nncf.set_log_level(40)
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def _agreement(exact: Segmenter, rounded: Segmenter, source: ImageSource) -> tuple[int, int]:
    """How many pixels get the same class, and how many there are."""
    image = read(source)
    same = exact(image).labels == rounded(image).labels
    return int(np.count_nonzero(same)), same.size
