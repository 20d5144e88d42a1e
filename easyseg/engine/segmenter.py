"""The Segmenter: pictures in, Segmentations out."""

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeAlias, overload

import torch
from typing_extensions import Unpack

from easyseg import labels
from easyseg._types import FloatMap, Image, LabelMap, PathLike, plain
from easyseg.engine import loader
from easyseg.engine.backends import (
    BACKENDS,
    Checkpoint,
    Network,
    check_backend,
    open_network,
    pick_backend,
)
from easyseg.engine.batches import BatchPredictor
from easyseg.engine.device import pick_device
from easyseg.engine.inputs import prepare
from easyseg.engine.precision import pick_precision
from easyseg.engine.prediction import Prediction, timed
from easyseg.engine.skipping import Skipping
from easyseg.engine.tiles import Predict, check_tile, in_tiles_that_fit, segment_tiles
from easyseg.engine.views import average, look, mirrored_too
from easyseg.errors import InputError
from easyseg.labels import LabelSet
from easyseg.options import CallOptions, NetworkOptions, documented, documented_class
from easyseg.pictures.image import ImageSource, read
from easyseg.result import Segmentation
from easyseg.transforms import ClassScores, Geometry, restore, winner_confidence

SIZES = (32, 8192)
"""Smallest and largest input size that can be asked for."""


@documented_class
class Segmenter:
    """A network that is loaded once and used many times, from any number of threads.

    It can be pickled, for the processes of `multiprocessing`: each opens the model's file again.

    Args:
        model: A tier (`"builtin"`, `"fast"`, `"balanced"`, `"best"`), the full name of a model
            (see `easyseg models`), or the path of a checkpoint file.

    Attributes:
        name: Full name of the model.
        weights: Its record.
        label_set: Its classes.
        device: Where it runs.

    Raises:
        InputError: If an argument is not one of these.
        ModelError: If the model's file is missing, damaged or of no known architecture, a backend
            is not installed, or the model is not calibrated for `"int8"`.
        DownloadError: If a model asked for by name is not here and cannot be fetched.
    """

    @documented()
    def __init__(self, model: PathLike = "fast", **options: Unpack[NetworkOptions]) -> None:
        precision, device = options["precision"], options["device"]
        backend = check_backend(options["backend"], precision)
        on_cpu = device is None and backend not in ("auto", "torch")
        self.device = pick_device("cpu" if on_cpu else device)
        backend = pick_backend(backend, precision, self.device)
        self.weights, path = loader.find(model, options["dataset"])
        self.name = self.weights.name
        self.label_set: LabelSet = labels.get(self.weights.label_set)
        self._preprocess = self.weights.preprocess
        if options["size"] is not None:
            self._preprocess = self._preprocess.with_size(_checked_size(options["size"]))
        self._checkpoint = Checkpoint(self.weights, path, plain(options["output_stride"]))
        exact = pick_precision(precision, self.device, self.weights, BACKENDS[backend])
        self._network = self._opened(backend, exact)

    @property
    def precision(self) -> str:
        """What the network computes with: `"fp32"`, `"bf16"`, `"fp16"` or `"int8"`."""
        return self._network.precision

    @property
    def backend(self) -> str:
        """What computes the network's answer."""
        return self._network.backend

    @overload
    def __call__(
        self, source: list[ImageSource] | tuple[ImageSource, ...], **options: Unpack[CallOptions]
    ) -> list[Segmentation]: ...

    @overload
    def __call__(self, source: ImageSource, **options: Unpack[CallOptions]) -> Segmentation: ...

    @documented()
    def __call__(
        self, source: ImageSource | Sequence[ImageSource], **options: Unpack[CallOptions]
    ) -> Segmentation | list[Segmentation]:
        """Segments one picture, or several.

        Args:
            source: Whatever `easyseg.pictures.image.read` reads: a path, a URL, bytes, a file
                object, a PIL image, a numpy array, a torch tensor. Or a list or tuple of them.

        Returns:
            A Segmentation at the picture's own size; a list of them for a list or a tuple. A
            picture gets the same answer in a list as alone: on CUDA but for rounding, since up to
            eight go through the network together there.

        Raises:
            InputError: If an array has a wrong shape or type, or `tile` makes no sense.
            MediaError: If a picture cannot be read.
        """
        confidence = options["confidence"]
        tile = None if options["tile"] is None else check_tile(options["tile"])
        tta = self.takes_views(options["tta"], tile)
        skipping = Skipping(options["on_error"])
        load = partial(_read, color=options["color"], max_pixels=options["max_pixels"])
        work = partial(self._segment, load=load, confidence=confidence, tta=tta, tile=tile)
        if not isinstance(source, (list, tuple)):
            return work(source)  # type: ignore[arg-type]
        # A CPU is as fast with one after the other.
        together = self._is_of_one_size(tta) and tile is None and not skipping.skips
        if self.device.type == "cuda" and together:
            return self._segment_together(source, load, confidence, tta)
        return skipping.each(source, work)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Runs the network alone.

        Args:
            x: Normalised pictures, float, (N, 3, h, w).

        Returns:
            The network's own logits, float32, (N, C, h', w'), on the device, before any resize.

        Raises:
            InputError: If `x` has another shape or type.
        """
        if x.ndim != 4 or x.shape[1] != 3 or 0 in x.shape or not x.is_floating_point():
            raise InputError(
                "logits() takes normalised pictures, a float tensor (N, 3, h, w), not "
                f"{x.dtype} {tuple(x.shape)}"
            )
        return self._network(x)

    @property
    def affords_mirrored(self) -> bool:
        """Whether pictures are also seen mirrored where nothing is said.

        Built-in models are, since that is worth 0.8 to 1.0 mIoU to them and their networks are
        small; but not by PyTorch in fp32 on a CPU, which takes three times as long as others.
        """
        slow = self.device.type == "cpu" and (self.backend, self.precision) == ("torch", "fp32")
        return self.weights.file is not None and not slow

    def takes_views(self, tta: bool | Literal["auto"], tile: int | None = None) -> bool:
        """Tells whether several views are averaged.

        Args:
            tta: As for a call.
            tile: As for a call.

        Raises:
            InputError: If `tta` is neither.
        """
        if tta not in (True, False, "auto"):
            raise InputError(f'tta must be True, False or "auto", not {tta!r}')
        return tile is None and self.affords_mirrored if tta == "auto" else bool(tta)

    def predict(self, image: Image, *, tta: bool = False) -> Prediction:
        """Does the first half of a segmentation: all that the network has a part in.

        Args:
            image: RGB uint8 (H, W, 3).
            tta: Whether to average several views, as in a call.

        Returns:
            What `finish` makes a Segmentation of, in another thread perhaps.

        Raises:
            InputError: If the array has a wrong shape or type.
        """
        timing: dict[str, float] = {}
        if not self._is_of_one_size(tta):
            scales = self.weights.tta_scales
            views = look(self._run, self._preprocess, image, scales=scales, device=self.device)
            logits, geometry = timed(timing, "network", lambda: average(views))
            return Prediction(image, logits, geometry, timing)
        x, geometry = timed(
            timing, "preprocess", lambda: prepare(self._preprocess, image, self.device)
        )
        logits = timed(timing, "network", lambda: self._seen(tta)(x))
        return Prediction(image, logits, geometry, timing)

    def finish(
        self, prediction: Prediction, *, confidence: bool = False, source: str | None = None
    ) -> Segmentation:
        """Does the second half of a segmentation: from the logits to the labels.

        Args:
            prediction: As `predict` gave it, or one with other logits of the same shape.
            confidence: Whether to compute the confidence of each pixel too.
            source: Where the picture came from.

        Returns:
            A Segmentation at the picture's own size.
        """
        timing = dict(prediction.timing)
        logits, geometry = prediction.logits, prediction.geometry
        label_map = timed(timing, "restore", lambda: restore(logits, geometry))
        confidence_map = None
        if confidence:
            confidence_map = timed(
                timing, "confidence", lambda: winner_confidence(logits, geometry, label_map)
            )
        timing["total"] = sum(timing.values())
        return Segmentation(
            labels=label_map,
            label_set=self.label_set,
            image=prediction.image,
            model=self.name,
            timing=timing,
            source=source,
            confidence_map=confidence_map,
            scores=ClassScores(logits[0].float().cpu().numpy(), geometry),
        )

    def _segment(
        self,
        source: ImageSource,
        load: "_Load",
        confidence: bool,
        tta: bool,
        tile: int | None,
    ) -> Segmentation:
        image, timing = load(source)
        name = _name(source)
        if tile is not None and max(image.shape[:2]) > tile:
            return self._in_tiles(image, tile, timing, confidence=confidence, tta=tta, source=name)
        prediction = self.predict(image, tta=tta)
        prediction = replace(prediction, timing={**timing, **prediction.timing})
        return self.finish(prediction, confidence=confidence, source=name)

    def _segment_together(
        self,
        sources: Sequence[ImageSource],
        load: "_Load",
        confidence: bool,
        tta: bool,
    ) -> list[Segmentation]:
        predict = BatchPredictor(self._preprocess, self._seen(tta), self.device)
        predictions = predict(map(load, sources))
        return [
            self.finish(prediction, confidence=confidence, source=_name(one))
            for one, prediction in zip(sources, predictions, strict=True)
        ]

    def _in_tiles(
        self,
        image: Image,
        tile: int,
        timing: dict[str, float],
        *,
        confidence: bool,
        tta: bool,
        source: str | None,
    ) -> Segmentation:
        def work(side: int) -> tuple[LabelMap, FloatMap | None]:
            predict = self.tile_predictor(side, instead_of=tile, tta=tta)
            return segment_tiles(image, side, predict, confidence=confidence)

        found, certain = timed(timing, "tiles", lambda: in_tiles_that_fit(work, tile))
        timing["total"] = sum(timing.values())
        return Segmentation(
            found, self.label_set, image, self.name, timing, source, confidence_map=certain
        )

    def tile_predictor(self, side: int, *, instead_of: int, tta: bool = False) -> Predict:
        """Gives what says of a tile of some side what the network sees in it.

        Args:
            side: Of the tiles.
            instead_of: The side that was asked for: smaller tiles are shown to the network at the
                same scale, or no memory were won.
            tta: As for a call.
        """
        size = None if side == instead_of or self.size is None else self.size * side // instead_of
        segmenter = self if size is None else self.with_size(max(SIZES[0], size))

        def predict(part: Image) -> tuple[torch.Tensor, Geometry]:
            prediction = segmenter.predict(part, tta=tta)
            return prediction.logits, prediction.geometry

        return predict

    def _is_of_one_size(self, tta: bool) -> bool:
        """Whether a picture goes into the network at one size only."""
        return not tta or self.weights.tta_scales == (1.0,)

    def _seen(self, tta: bool) -> Callable[[torch.Tensor], torch.Tensor]:
        """What gives the logits of inputs at one size."""
        return partial(mirrored_too, self._run) if tta else self._run

    def _run(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.logits(x)[:, self.weights.first_class :]
        # CUDA restores the labels itself; elsewhere the work is the CPU's from here on.
        return logits if logits.is_cuda else logits.cpu()

    @property
    def size(self) -> int | None:
        """Side, in pixels, that a picture is brought to; None where the model takes any size."""
        size = self._preprocess.size
        return size if isinstance(size, int) and self._preprocess.resize != "native" else None

    def with_size(self, size: int) -> "Segmenter":
        """Gives the same loaded network, working at another size.

        Args:
            size: Side, in pixels, that the model's resize rule brings a picture to.

        Returns:
            A Segmenter that shares the network with this one.

        Raises:
            InputError: If the size makes no sense, or the model takes any.
        """
        other = copy.copy(self)  # which shares the network
        other._preprocess = self._preprocess.with_size(_checked_size(size))
        return other

    def _opened(self, backend: str, precision: str) -> Network:
        return open_network(
            self._checkpoint, device=self.device, backend=backend, precision=precision
        )

    def __copy__(self) -> "Segmenter":
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        return other

    def __getstate__(self) -> dict[str, Any]:
        # A network that is ready to run belongs to its process: another one opens it anew.
        return {**vars(self), "_network": (self.backend, self.precision)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._network = self._opened(*state["_network"])

    def __repr__(self) -> str:
        return (
            f"Segmenter({self.name!r}, device={str(self.device)!r}, "
            f"backend={self.backend!r}, precision={self.precision!r})"
        )


_Load: TypeAlias = Callable[[ImageSource], tuple[Image, dict[str, float]]]
"""Reads a picture; gives it with the time that that took."""


def _read(
    source: ImageSource, color: Literal["rgb", "bgr"], max_pixels: int
) -> tuple[Image, dict[str, float]]:
    timing: dict[str, float] = {}
    image = timed(timing, "read", lambda: read(source, color=color, max_pixels=max_pixels))
    return image, timing


def _name(source: ImageSource) -> str | None:
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else None


def _checked_size(size: int) -> int:
    size = plain(size)
    smallest, largest = SIZES
    if isinstance(size, bool) or not isinstance(size, int) or not smallest <= size <= largest:
        raise InputError(f"size must be a whole number from {smallest} to {largest}, not {size!r}")
    return size
