"""Measures a model on labelled photographs, by the data sets' official rules."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import torch
from typing_extensions import Unpack

from easyseg import datasets, labels, registry
from easyseg._types import Image, LabelMap, PathLike, plain
from easyseg.datasets import Dataset
from easyseg.datasets.prefetch import Prefetch
from easyseg.engine import Segmenter
from easyseg.engine.views import look
from easyseg.errors import InputError
from easyseg.evaluation.metrics import Accumulator, Scores
from easyseg.labels import LabelSet
from easyseg.options import DatasetName, EvaluateOptions, RunningOptions, documented, pick
from easyseg.transforms import Geometry

BLOCK_BYTES = 1 << 25
"""Memory for the probabilities of the rows that are averaged at once."""

WORKERS = 2


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model reached.

    Attributes:
        scores: The exact counts and all scores.
        images: Number of photographs.
        model: Full name of the model.
        data: The layout of the data, in words.
        flip: Whether each photograph was also seen mirrored.
        scales: Sizes that it was seen at, relative to the model's own.
        seconds: Time that it took.
    """

    scores: Scores = field(repr=False)
    images: int
    model: str
    data: str
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    seconds: float = 0.0

    @property
    def mean_iou(self) -> float:
        """The mIoU, 0 to 1."""
        return self.scores.mean_iou

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels that are right, 0 to 1."""
        return self.scores.pixel_accuracy

    @property
    def mean_accuracy(self) -> float:
        """Mean over the classes of the share of their pixels that are right, 0 to 1."""
        return self.scores.mean_accuracy

    def to_dict(self) -> dict[str, object]:
        """Gives the settings and the scores as plain values, ready for JSON."""
        return {
            "model": self.model,
            "data": self.data,
            "images": self.images,
            "flip": self.flip,
            "scales": list(self.scales),
            "seconds": round(self.seconds, 3),
            **self.scores.to_dict(),
        }

    def table(self) -> str:
        """Draws a table for people: a row for each class that occurs, in percent."""
        iou, accuracy = self.scores.class_iou.tolist(), self.scores.class_accuracy.tolist()
        names = self.scores.names or tuple(str(number) for number in range(len(iou)))
        width = max(len("pixel accuracy"), *map(len, names))
        lines = [f"{'class':{width}}     IoU  accuracy"]
        for name, overlap, right in zip(names, iou, accuracy, strict=True):
            if not math.isnan(overlap):
                lines.append(f"{name:{width}}  {_percent(overlap)}    {_percent(right)}")
        lines.append("-" * (width + 18))
        lines.append(
            f"{'mean':{width}}  {_percent(self.mean_iou)}    {_percent(self.mean_accuracy)}"
        )
        lines.append(f"{'pixel accuracy':{width}}  {_percent(self.pixel_accuracy)}")
        return "\n".join(lines)


@documented()
def evaluate(
    data: PathLike | Sequence[PathLike] | Dataset,
    *,
    model: PathLike | Segmenter = "fast",
    dataset: str | LabelSet | None = None,
    progress: bool = False,
    **options: Unpack[EvaluateOptions],
) -> Evaluation:
    """Measures a model.

    The labels are compared at the photographs' own size; void pixels do not count; the counts of
    all photographs are summed before a ratio is taken. With `flip` or several `scales`, the
    probabilities of all views are averaged at the photograph's size, some rows at a time, so that
    memory does not grow with the photograph.

    Args:
        data: Labelled photographs in any layout that `easyseg.datasets.open_dataset` knows, or
            what it gave.
        model: A tier, a name, the path of a checkpoint, or a Segmenter, which runs as it is.
        dataset: The classes of the masks, `"voc"` or `"ade20k"`. None takes the data's own, or
            those of the model where the data bring none.
        progress: Whether to show a progress bar.

    Returns:
        The scores.

    Raises:
        InputError: If an argument is wrong, or the classes of data and model differ.
        MediaError: If a photograph or a mask cannot be read.
        ModelError: If the model cannot be loaded.
    """
    views, split = _checked_scales(options["scales"]), options["split"]
    if isinstance(model, (str, bytes)) or not callable(model):
        wanted = _dataset_name(data, model, dataset, split)
        segmenter = Segmenter(
            model, dataset=cast(DatasetName | None, wanted), **pick(RunningOptions, options)
        )
    else:
        segmenter = model
    if not isinstance(data, Dataset):
        classes = segmenter.label_set if dataset is None else labels.get(dataset)
        data = datasets.open_dataset(
            data, split=split, label_set=classes, reduce_zero_label=options["reduce_zero_label"]
        )
    data = _limited(_with_classes(data, segmenter.label_set, segmenter.name), options["limit"])

    auto, flip = options["flip"] == "auto", options["flip"]
    as_called = views == (1.0,) and (auto or not flip)
    flip = segmenter.takes_views(flip) if as_called else bool(flip) and not auto

    def predict(image: Image) -> LabelMap:
        if as_called:
            return segmenter(image, tta=flip).labels
        return averaged_labels(segmenter, image, scales=views, flip=flip, size=options["size"])

    start = time.perf_counter()
    scores = score(data, predict, segmenter.label_set, progress=progress)
    seconds = time.perf_counter() - start
    return Evaluation(scores, len(data), segmenter.name, data.layout, flip, views, seconds)


def score(
    data: Dataset,
    predict: Callable[[Image], LabelMap],
    label_set: LabelSet,
    *,
    workers: int = WORKERS,
    progress: bool = False,
) -> Scores:
    """Compares predictions with the truth.

    Args:
        data: Labelled photographs.
        predict: From RGB uint8 (H, W, 3) to class ids, uint8 (H, W).
        label_set: The classes.
        workers: Threads that read photographs ahead.
        progress: Whether to show a progress bar.

    Returns:
        The scores of all photographs together.

    Raises:
        InputError: If photograph and mask do not fit, or an id is no class.
        MediaError: If a file cannot be read.
    """
    from tqdm import tqdm

    accumulator = Accumulator(label_set, ignore=label_set.void)
    jobs = range(len(data))
    with (
        Prefetch(data.__getitem__, jobs, workers=workers, ahead=2 * workers + 1) as samples,
        tqdm(total=len(data), unit="photo", disable=not progress, leave=False) as bar,
    ):
        for sample in samples:
            accumulator.add(sample.labels, predict(sample.image))
            bar.update()
    return accumulator.scores


def averaged_labels(
    segmenter: Segmenter,
    image: Image,
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    size: int | None = None,
) -> LabelMap:
    """Averages the probabilities of several views of a photograph.

    Args:
        segmenter: Whose network looks at it.
        image: RGB uint8 (H, W, 3).
        scales: Sizes relative to the model's own.
        flip: Whether each view is also seen mirrored.
        size: As for `Segmenter`.

    Returns:
        Class ids, uint8 (H, W): the class of the highest mean probability at the photograph's size.
    """
    preprocess = segmenter.weights.preprocess
    preprocess = preprocess if size is None else preprocess.with_size(size)
    views = [
        _View(view.logits[0], view.geometry, view.mirrored)
        for view in look(
            lambda x: segmenter.logits(x)[:, segmenter.weights.first_class :].cpu(),
            preprocess, image, scales=scales, flip=flip, device=segmenter.device,
        )
    ]  # fmt: skip
    label_map = np.empty(image.shape[:2], np.uint8)
    classes = views[0].logits.shape[0]
    rows = max(1, BLOCK_BYTES // (4 * classes * image.shape[1]))
    for top in range(0, image.shape[0], rows):
        block = slice(top, min(top + rows, image.shape[0]))
        total = sum(view.probabilities(block) for view in views)
        label_map[block] = torch.as_tensor(total, device="cpu").argmax(0).numpy()
    return label_map


@dataclass(frozen=True, eq=False)
class _View:
    """The answer for one scale of a photograph, mirrored or not."""

    logits: torch.Tensor
    geometry: Geometry
    mirrored: bool

    def probabilities(self, rows: slice) -> torch.Tensor:
        """Softmax of the upsampled logits for some rows of the photograph, (C, rows, W)."""
        down, across = self.geometry.axes((self.logits.shape[1], self.logits.shape[2]))
        weight = torch.from_numpy(down.weight[rows])[:, None]
        block = torch.lerp(self.logits[:, down.low[rows]], self.logits[:, down.high[rows]], weight)
        weight = torch.from_numpy(across.weight)
        block = torch.lerp(block[..., across.low], block[..., across.high], weight).softmax(0)
        return block.flip(-1) if self.mirrored else block


def _dataset_name(
    data: PathLike | Sequence[PathLike] | Dataset,
    model: PathLike,
    dataset: str | LabelSet | None,
    split: str,
) -> str | None:
    """Finds which data set a tier is meant for; names and paths know it themselves."""
    if dataset is not None:
        return labels.get(dataset).name
    if str(model).strip().lower() not in registry.TIERS:
        return None
    opened = data if isinstance(data, Dataset) else datasets.open_dataset(data, split=split)
    if opened.label_set is None or opened.label_set.name not in ("voc", "ade20k"):
        raise InputError(
            f"a tier such as {str(model)!r} exists for several data sets: give dataset='voc' or "
            "'ade20k', or the full name of a model"
        )
    return opened.label_set.name


def _with_classes(data: Dataset, label_set: LabelSet, model: str) -> Dataset:
    if data.label_set is None:
        return replace(data, label_set=label_set)
    if data.label_set.names != label_set.names:
        raise InputError(
            f"the masks have the {len(data.label_set)} classes of {data.label_set.title} and the "
            f"model {model!r} the {len(label_set)} of {label_set.title}: they must be the same"
        )
    return data


def _limited(data: Dataset, limit: int | None) -> Dataset:
    if limit is None:
        return data
    limit = plain(limit)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise InputError(f"limit must be a whole number from 1, not {limit!r}")
    return data.subset(range(min(limit, len(data))))


def _checked_scales(scales: Sequence[float]) -> tuple[float, ...]:
    try:
        checked = tuple(float(scale) for scale in scales)
    except (TypeError, ValueError):
        checked = ()
    if not checked or not all(0.1 <= scale <= 8 for scale in checked):
        raise InputError(f"scales must be numbers from 0.1 to 8, at least one, not {scales!r}")
    return checked


def _percent(ratio: float) -> str:
    return "     -" if math.isnan(ratio) else f"{100 * ratio:6.2f}"
