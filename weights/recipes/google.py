"""Renames state dicts of Google's layout to easyseg's, and back.

    python weights/recipes/google.py google_or_trained.pt --dataset voc --out builtin.pt

Google's networks come from their TensorFlow Lite files as plain state dicts with the names below;
the trainings of `distil.py` work on them. Batch normalisations of the refining decoder are folded.
"""

import argparse
import re
from pathlib import Path

import torch

from easyseg.checkpoints import StateDict
from easyseg.models.deeplabv3plus_mobilenet_v2_tensorflow import DeepLabV3Plus

EPS = 1e-5
_RULES = (
    (r"^stem\.", "encoder.stem."),
    (r"^blocks\.(\d+)\.dw\.", r"encoder.blocks.\1.depthwise."),
    (r"^blocks\.", "encoder.blocks."),
    (r"^image_pool\.", "pool."),
    (r"^aspp0\.", "pointwise."),
    (r"^concat_proj\.", "project."),
    (r"^(decoder\.)?low\.", "low_level."),
    (r"^(decoder\.)?dw([01])\.", r"decoder.\2.depthwise."),
    (r"^(decoder\.)?pw([01])\.", r"decoder.\2.pointwise."),
)


def rename(state_dict: StateDict, *, refine: bool) -> StateDict:
    """Gives a state dict for `DeepLabV3Plus`.

    Args:
        state_dict: Google's names; 151 outputs lose the first one, "other".
        refine: Whether there is a refining decoder.
    """
    renamed: StateDict = {}
    for key, tensor in _folded(state_dict).items():
        if key.startswith("logits.conv."):
            tensor = tensor[1:] if len(tensor) == 151 else tensor
            place = "coarse_classifier." if refine else "classifier."
            renamed[key.replace("logits.conv.", place)] = tensor.clone()
            continue
        new = key.replace("out.", "classifier.", 1) if key.startswith("out.") else key
        for pattern, replacement in _RULES:
            new = re.sub(pattern, replacement, new)
        renamed[new] = tensor
    return renamed


def _folded(state_dict: StateDict) -> StateDict:
    folded = {key: value for key, value in state_dict.items() if ".bn." not in key}
    for key in [key for key in state_dict if key.endswith(".bn.weight")]:
        block = key.removesuffix(".bn.weight")
        norm = {name: state_dict[f"{block}.bn.{name}"].double() for name in _NORM}
        factor = norm["weight"] / (norm["running_var"] + EPS).sqrt()
        weight = state_dict[f"{block}.conv.weight"].double() * factor[:, None, None, None]
        folded[f"{block}.conv.weight"] = weight.float()
        folded[f"{block}.conv.bias"] = (norm["bias"] - norm["running_mean"] * factor).float()
    return folded


_NORM = ("weight", "bias", "running_mean", "running_var")


def network(file: Path, num_classes: int, *, refine: bool) -> DeepLabV3Plus:
    """Builds the network of a file with Google's names, at output stride 8.

    Where Google's has no decoder, the refining one begins as nothing: its last layer is zero.
    """
    module = DeepLabV3Plus(num_classes, output_stride=8, refine=refine)
    fill(module, file)
    return module.eval()


def fill(module: DeepLabV3Plus, file: Path) -> None:
    """Fills a network from a file with Google's names, or with easyseg's."""
    raw = torch.load(file, weights_only=True)
    state_dict = {key: value.float() for key, value in raw.items() if value.is_floating_point()}
    if "stem.conv.weight" in state_dict:
        state_dict = rename(state_dict, refine=module.refine)
    if "classifier.weight" not in state_dict:
        torch.nn.init.zeros_(module.classifier.weight)
        torch.nn.init.zeros_(module.classifier.bias)
        state_dict = {**module.state_dict(), **state_dict}
    module.load_state_dict(state_dict)


def main() -> None:
    """Converts one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--dataset", choices=("voc", "ade20k"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    refine = arguments.dataset == "voc"
    module = network(arguments.file, 21 if refine else 150, refine=refine)
    torch.save({key: value.half() for key, value in module.state_dict().items()}, arguments.out)


if __name__ == "__main__":
    main()
