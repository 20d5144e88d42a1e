"""Networks without memory for their weights."""

import torch

from easyseg import registry


def empty(name: str) -> torch.nn.Module:
    """The untrained network of a record, on PyTorch's meta device."""
    weights = registry.get(name)
    with torch.device("meta"):
        return weights.build(weights.num_classes, output_stride=weights.output_stride)
