"""The record of pretrained weights, and the list of all of them.

A record carries everything that a prediction needs, so that a checkpoint cannot be paired with the
wrong mean, palette or resize rule. The registry knows no architecture: it names the files in
`easyseg/models/`, each of which holds its own records, and loads them at the first use.
"""

import difflib
import functools
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from easyseg import labels
from easyseg.errors import InputError
from easyseg.labels import LabelSet
from easyseg.transforms import Preprocess

if TYPE_CHECKING:
    from torch import nn

    from easyseg.checkpoints import StateDict

TIERS = ("builtin", "live", "fast", "balanced", "best")
"""Names for "whatever suits": each data set has one record for each of them."""

DEFAULT_DATASET = "ade20k"


@dataclass(frozen=True)
class Weights:
    """One pretrained checkpoint and all that is known of it.

    Attributes:
        name: Architecture and data set, `deeplabv3plus_mobilenet_v2_tensorflow.voc`.
        title: The architecture for people, `DeepLabV3+ EfficientNet-Lite0`.
        build: `build(num_classes, output_stride=...)` makes the untrained module.
        num_classes: Number of outputs of the checkpoint.
        label_set: Name of the label set of its classes; the set itself for a user's own.
        preprocess: From a picture to the module's input, and the way back.
        classifier: Key of the classifier's weight or bias in the published file, or several where
            files differ: its presence is the mark of the layout, and its first dimension the
            number of outputs.
        sha256: Hash of the file: all 64 hexadecimal digits, or the leading ones where only those
            are published; empty where nothing is known.
        size: Of the file, in bytes; 0 where it is not known.
        parameters: Number of parameters of the module.
        licence: SPDX name of the licence of the weights, or a few words.
        source: Where they come from: a page for people.
        metrics: What was measured, by name, in percent.
        measured_on: The data and the way the metrics were measured.
        file: Name of the built-in file, in `weights/`; None for others.
        urls: Where the file is published, in the order in which they are tried. Without a file and
            an address, the record is an architecture only, to be trained.
        rename: From the published keys to the module's; drops what the module does not use. None
            where they are the same.
        first_class: Output of the class with id 0: 1 where output 0 means "no class".
        output_stride: What `build` takes unless told otherwise.
        output_strides: What `build` can take.
        tiers: The tiers that this record serves in its data set.
        tta_scales: Sizes of the views of `tta`, relative to the model's own; each is also seen
            mirrored.
        notice: A line that the user sees at the first use, for licences that ask for attention.
        bf16_loss: Points of its first metric that bfloat16 costs on the data of `measured_on`; None
            where that was not measured.
    """

    name: str
    title: str
    build: "Callable[..., nn.Module]" = field(repr=False)
    num_classes: int
    label_set: str | LabelSet
    preprocess: Preprocess = field(repr=False)
    classifier: str | tuple[str, ...] = field(repr=False)
    sha256: str = field(repr=False)
    size: int
    parameters: int
    licence: str
    source: str
    metrics: Mapping[str, float]
    measured_on: str = field(repr=False)
    file: str | None = None
    urls: tuple[str, ...] = ()
    rename: "Callable[[StateDict], StateDict] | None" = field(default=None, repr=False)
    first_class: int = 0
    output_stride: int = 16
    output_strides: tuple[int, ...] = (8, 16, 32)
    tiers: tuple[str, ...] = ()
    tta_scales: tuple[float, ...] = (0.75, 1.0, 1.25)
    notice: str | None = None
    bf16_loss: float | None = None

    @property
    def has_weights(self) -> bool:
        """Whether there is a file, built in or published; False for an architecture alone."""
        return self.file is not None or bool(self.urls)

    @property
    def dataset(self) -> str:
        """Name of the label set, whether it is given by name or itself."""
        return labels.get(self.label_set).name


MODELS = (
    "easyseg.models.deeplabv3_mobilenet_v2:WEIGHTS",
    "easyseg.models.deeplabv3_openmmlab:WEIGHTS",
    "easyseg.models.deeplabv3_torchvision:WEIGHTS",
    "easyseg.models.deeplabv3plus:WEIGHTS",
    "easyseg.models.deeplabv3plus_bubbliiiing:WEIGHTS",
    "easyseg.models.deeplabv3plus_mobilenet_v2_tensorflow:WEIGHTS",
    "easyseg.models.deeplabv3plus_openmmlab:WEIGHTS",
    "easyseg.models.deeplabv3plus_xception65:WEIGHTS",
    "easyseg.models.efficientvit_seg:WEIGHTS",
    "easyseg.models.fcn_torchvision:WEIGHTS",
    "easyseg.models.lraspp:WEIGHTS",
    "easyseg.models.pspnet:WEIGHTS",
    "easyseg.models.segformer:WEIGHTS",
    "easyseg.models.upernet:WEIGHTS",
)
"""Where the records are, as `module:attribute`, in the order in which tables show them."""

_RECORDS: dict[str, Weights] = {}


def register(*records: Weights) -> None:
    """Adds records to the list.

    Args:
        *records: Records whose names, and tiers within a data set, are not taken yet.

    Raises:
        InputError: If a name or a tier is taken.
    """
    _load_models()
    _add(records, _RECORDS)


def names(dataset: str | None = None, *, untrained: bool = False) -> list[str]:
    """Lists the names of all records.

    Args:
        dataset: Only those of this data set, by any of its names.
        untrained: Whether to list those without weights, too.

    Returns:
        Names, in the order of registration.

    Raises:
        InputError: If there is no such data set.
    """
    _load_models()
    records = (
        _RECORDS.values() if dataset is None else _of_dataset(labels.get(dataset).name, _RECORDS)
    )
    return [weights.name for weights in records if weights.has_weights or untrained]


def get(name: str) -> Weights:
    """Finds a record by its name.

    Args:
        name: Full name; case does not matter.

    Returns:
        The record.

    Raises:
        InputError: If there is none; the message lists near names.
    """
    _load_models()
    wanted = name.strip().lower()
    if wanted in _RECORDS:
        return _RECORDS[wanted]
    near = difflib.get_close_matches(wanted, [*_RECORDS, *TIERS], cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else "."
    raise InputError(
        f"no model is named {name!r}{hint} There are the tiers {', '.join(TIERS)}, and "
        f"{len(_RECORDS)} names, which `easyseg models` lists. A file of your own is given by its "
        "path"
    )


def resolve(model: str, dataset: str | None = None) -> Weights:
    """Finds the record that a user means.

    Args:
        model: A tier, or the full name of a record.
        dataset: Data set, by any of its names. None is ADE20K for a tier, and whatever the record
            was trained on for a full name.

    Returns:
        The record.

    Raises:
        InputError: If there is no such model or data set, or the two do not belong together.
    """
    _load_models()
    label_set = None if dataset is None else labels.get(dataset)
    tier = model.strip().lower()
    if tier in TIERS:
        wanted = DEFAULT_DATASET if label_set is None else label_set.name
        for weights in _of_dataset(wanted, _RECORDS):
            if tier in weights.tiers:
                return weights
        raise InputError(f"there is no {tier!r} model for the data set {wanted!r}")
    weights = get(model)
    if label_set is not None and weights.dataset != label_set.name:
        raise InputError(
            f"model {weights.name!r} knows the classes of {weights.dataset!r}, not of "
            f"{label_set.name!r}: leave dataset out, or name one of {names(label_set.name)}"
        )
    return weights


def _of_dataset(dataset: str, known: Mapping[str, Weights]) -> list[Weights]:
    return [weights for weights in known.values() if weights.dataset == dataset]


def _add(records: Iterable[Weights], known: dict[str, Weights]) -> None:
    for weights in records:
        taken = {tier for other in _of_dataset(weights.dataset, known) for tier in other.tiers}
        if weights.name in known or taken.intersection(weights.tiers):
            raise InputError(f"{weights.name!r} or one of its tiers {weights.tiers} is taken")
        known[weights.name] = weights


@functools.cache
def _load_models() -> None:
    """Fills the list, once; not at the import, for the models import this room."""
    found: dict[str, Weights] = {}
    for place in MODELS:
        module, _, attribute = place.partition(":")
        _add(getattr(importlib.import_module(module), attribute), found)
    _RECORDS.update(found)  # whole, so that threads which come at once find all or nothing
