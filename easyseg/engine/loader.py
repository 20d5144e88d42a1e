"""From a name or a path to a network that is ready to run."""

import dataclasses
import functools
import logging
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

import torch
from torch import nn

from easyseg import checkpoints, download, labels, registry
from easyseg._types import PathLike
from easyseg.checkpoints import trained_file
from easyseg.errors import EasysegWarning, InputError, ModelError
from easyseg.labels import LabelSet
from easyseg.registry import Weights

_logger = logging.getLogger("easyseg")
_told: set[tuple[str, str]] = set()
_told_lock = threading.Lock()

Rename = Callable[[checkpoints.StateDict], checkpoints.StateDict]


class _Candidate(NamedTuple):
    """A record that a state dict may be for."""

    weights: Weights
    num_classes: int
    given: checkpoints.StateDict
    """The state dict under the keys of the record's network."""


def find(model: PathLike, dataset: str | None) -> tuple[Weights, Path]:
    """Finds the record and the file of a model, which may be fetched for that.

    A tier whose file is not here and for which there is no network falls back to the built-in
    weights of the same data set, with one `EasysegWarning` for each model and process. A model
    asked for by its name never does.

    Args:
        model: A tier, the full name of a record, or the path of a checkpoint file, whose
            architecture and classes are recognised from its keys.
        dataset: Data set, see `registry.resolve`.

    Returns:
        The record and the checkpoint file.

    Raises:
        InputError: If there is no such model or data set, or the two do not belong together.
        ModelError: If the file is not there or fits no known architecture.
        DownloadError: If the file is not here and cannot be fetched.
    """
    if is_path(model):
        path = Path(os.fspath(model)).expanduser()
        trained = trained_file.read(path)
        weights = trained.weights if trained else recognise(checkpoints.read(path), str(path))
        _check_dataset(weights, path, dataset)
        return weights, path
    weights = registry.resolve(str(model), dataset)
    try:
        return weights, file_of(weights)
    except download.UnreachableError as error:
        tier = str(model).strip().lower()
        if tier not in registry.TIERS:
            raise
        return _built_in_instead(weights, tier, error)


def is_path(model: PathLike) -> bool:
    """Tells a path from a name: it is no string, has a separator, or ends as checkpoints do."""
    if not isinstance(model, str):
        if isinstance(model, os.PathLike):
            return True
        raise InputError(f"model must be a tier, a name or a path, not a {type(model).__name__}")
    has_separator = "/" in model or os.sep in model
    return has_separator or model.lower().endswith(checkpoints.SUFFIXES)


def _check_dataset(weights: Weights, path: Path, dataset: str | None) -> None:
    if dataset is None:
        return
    own, wanted = labels.get(weights.label_set), labels.get(dataset)
    if own != wanted:
        raise InputError(
            f"{str(path)!r} knows the {len(own)} classes of {own.title}, not those of "
            f"{wanted.title}: leave dataset out"
        )


def built_in_file(weights: Weights) -> Path:
    """Finds the file of built-in weights: in the installed package, or beside it in a checkout.

    Raises:
        ModelError: If the record has no built-in file, or the installation lacks it.
    """
    if weights.file is None:
        raise ModelError(f"the weights {weights.name!r} are not built in")
    package = Path(__file__).parents[1]
    for folder in (package, package.parent):
        path = folder / "weights" / weights.file
        if path.is_file():
            return path
    raise ModelError(
        f"the built-in weights {weights.file!r} are missing from this installation: "
        "install easyseg again (pip install --force-reinstall with its wheel, or "
        "pip install -e . in a checkout)"
    )


def file_of(weights: Weights) -> Path:
    """Gives the file of a record: the built-in one, the one in the cache, or a fetched one.

    At the first use of weights whose licence asks for attention, its line is logged.

    Raises:
        ModelError: If the file is built in, and the installation lacks it.
        DownloadError: If it is not here and cannot be fetched; `download.UnreachableError` where
            that is for lack of a network.
    """
    if weights.notice and _is_new("notice", weights.name):
        _logger.warning("%s: %s", weights.name, weights.notice)
    if weights.file is not None:
        return built_in_file(weights)
    return download.fetch(remote_file(weights))


def remote_file(weights: Weights) -> download.RemoteFile:
    """Tells how the file of a record is fetched, and what it is called in the cache.

    Raises:
        ModelError: If it is published nowhere.
    """
    if not weights.urls:
        raise ModelError(
            f"the weights {weights.name!r} are published nowhere: easyseg train makes some, and "
            "its file is then given by its path"
        )
    extension = PurePosixPath(urlsplit(weights.urls[0]).path).suffix or ".pth"
    name = f"{weights.name}{extension}"
    check = functools.partial(_misfit, weights)
    return download.RemoteFile(name, weights.urls, weights.sha256, weights.size, check)


def _misfit(weights: Weights, path: Path) -> str:
    """Says why a file is not that of a record; that its parameters fit is the best proof."""
    try:
        load(weights, path)
    except ModelError as error:
        return str(error)
    return ""


def is_here(weights: Weights) -> bool:
    """Tells whether the file of a record is built in or in the cache; does not read it.

    Raises:
        DownloadError: If the user has no home folder for a cache.
    """
    if weights.file is None:
        return bool(weights.urls) and download.is_cached(remote_file(weights))
    try:
        return built_in_file(weights).is_file()
    except ModelError:
        return False


def _built_in_instead(
    wanted: Weights, tier: str, error: download.UnreachableError
) -> tuple[Weights, Path]:
    try:
        weights = registry.resolve("builtin", wanted.dataset)
    except InputError:
        raise error from None
    path = built_in_file(weights)
    if _is_new("fallback", wanted.name):
        message = (
            f"the {tier!r} model {wanted.name} is not here and cannot be fetched ({error.what}): "
            f"the built-in {weights.name} runs instead. Later, easyseg download {wanted.name} "
            "fetches it; asking for the model 'builtin' needs no network and no warning"
        )
        warnings.warn(message, EasysegWarning, stacklevel=3)
    return weights, path


def _is_new(kind: str, name: str) -> bool:
    """Tells whether this is the first time in this process."""
    with _told_lock:
        is_new = (kind, name) not in _told
        _told.add((kind, name))
    return is_new


def load(weights: Weights, path: Path, *, output_stride: int | None = None) -> nn.Module:
    """Builds a network and fills it.

    Args:
        weights: The record.
        path: A checkpoint in that record's published layout.
        output_stride: One of the record's output strides; None takes its default.

    Returns:
        The network in evaluation mode, float32, on the CPU.

    Raises:
        InputError: If the architecture cannot run at that output stride.
        ModelError: If the checkpoint does not fit.
    """
    stride = weights.output_stride if output_stride is None else output_stride
    if stride not in weights.output_strides:
        raise InputError(
            f"{weights.name} runs at an output_stride of {weights.output_strides}, not {stride!r}"
        )
    module = _empty_module(weights, weights.num_classes, stride)
    state_dict = _renamed(weights, checkpoints.read(path))
    difference = _difference(module.state_dict(), state_dict)
    if difference:
        raise ModelError(f"{str(path)!r} does not fit {weights.name}: {difference}")
    # The module was built without storage, and takes the checkpoint's own tensors: nothing is
    # drawn at random and nothing is copied.
    module.load_state_dict(state_dict, assign=True)
    return module.eval().requires_grad_(False)


def recognise(state_dict: checkpoints.StateDict, what: str) -> Weights:
    """Finds the record whose architecture a state dict was made for, from its keys and shapes.

    Args:
        state_dict: The checkpoint's tensors, in a published layout.
        what: Its name, for the message.

    Returns:
        The record, for as many classes as the state dict has.

    Raises:
        ModelError: If it fits none; the message says which it resembles most and what differs.
    """
    nearest: tuple[int, str, str] | None = None
    for weights, num_classes, given in _candidates(state_dict):
        wanted = _empty_module(weights, num_classes, weights.output_stride).state_dict()
        difference = _difference(wanted, given)
        if not difference:
            return _with_classes(weights, num_classes)
        common = sum(
            key in given and given[key].shape == tensor.shape for key, tensor in wanted.items()
        )
        if nearest is None or common > nearest[0]:
            nearest = (common, weights.name, difference)
    resembles = f" It resembles {nearest[1]} most: {nearest[2]}" if nearest else ""
    raise ModelError(f"{what!r} fits no architecture that easyseg knows.{resembles}")


def _candidates(state_dict: checkpoints.StateDict) -> list[_Candidate]:
    """The records whose classifier a state dict has, one for each network that they build.

    They come in the order of how far their numbers of parameters are from the given one, so that
    the first one mostly fits: building the others would take seconds.
    """
    renamed: dict[Rename | None, tuple[checkpoints.StateDict, int]] = {}
    by_distance: list[tuple[int, _Candidate]] = []
    for name in registry.names(untrained=True):
        weights = registry.get(name)
        num_classes = _num_classes(weights, state_dict)
        if num_classes is None:
            continue
        if weights.rename not in renamed:
            given = _renamed(weights, state_dict)
            renamed[weights.rename] = given, _parameters(given)
        given, parameters = renamed[weights.rename]
        distance = abs(weights.parameters - parameters)
        by_distance.append((distance, _Candidate(weights, num_classes, given)))
    by_distance.sort(key=lambda pair: pair[0])
    networks: dict[tuple[object, object, int, int], _Candidate] = {}
    for _, candidate in by_distance:
        weights = candidate.weights
        network = (weights.build, weights.rename, candidate.num_classes, weights.output_stride)
        networks.setdefault(network, candidate)
    return list(networks.values())


def _num_classes(weights: Weights, state_dict: checkpoints.StateDict) -> int | None:
    """The number of outputs of a state dict's classifier; None without one where it should be."""
    keys = (weights.classifier,) if isinstance(weights.classifier, str) else weights.classifier
    for key in keys:
        if key in state_dict and state_dict[key].ndim:
            return state_dict[key].shape[0]
    return None


def _parameters(state_dict: checkpoints.StateDict) -> int:
    """The number of parameters in a state dict: without what batch normalisations count."""
    return sum(
        tensor.numel() for key, tensor in state_dict.items() if not key.endswith(_STATISTICS)
    )


_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")


def _with_classes(weights: Weights, num_classes: int) -> Weights:
    """The record for a number of classes; those that no data set has are called by their ids."""
    if num_classes == weights.num_classes:
        return weights
    by_number = {len(known): known for known in (labels.ADE20K, labels.PASCAL_VOC)}
    names = [f"class {index}" for index in range(num_classes)]
    label_set = by_number.get(num_classes) or LabelSet.from_names(f"{num_classes}classes", names)
    # What was published of the record's own file is not true of this one.
    return dataclasses.replace(
        weights,
        name=f"{weights.name.split('.')[0]}.{label_set.name}",
        num_classes=num_classes,
        label_set=label_set.name if num_classes in by_number else label_set,
        first_class=0,
        metrics={},
        measured_on="",
        sha256="",
        size=0,
        file=None,
        urls=(),
        tiers=(),
        bf16_loss=None,
    )


def _empty_module(weights: Weights, num_classes: int, output_stride: int) -> nn.Module:
    """Builds the module without storage for its parameters."""
    with torch.device("meta"):
        return weights.build(num_classes, output_stride=output_stride)


def _renamed(weights: Weights, state_dict: checkpoints.StateDict) -> checkpoints.StateDict:
    return state_dict if weights.rename is None else weights.rename(state_dict)


def _difference(wanted: checkpoints.StateDict, given: checkpoints.StateDict) -> str:
    """Says in a few words where two state dicts differ; nothing when they do not."""
    parts = []
    missing = [key for key in wanted if key not in given]
    extra = [key for key in given if key not in wanted]
    shapes = [
        f"{key} is {tuple(given[key].shape)}, not {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in given and given[key].shape != tensor.shape
    ]
    for title, keys in (("missing", missing), ("unknown", extra), ("other shape", shapes)):
        if keys:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            names = ", ".join(keys[:3])
            # Names of a file, which may hold what a terminal takes for a command.
            parts.append(f"{title}: {names.encode('unicode_escape').decode()}{more}")
    return "; ".join(parts)
