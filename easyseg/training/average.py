"""The moving average of a network's weights."""

import copy

import torch
from torch import nn


class Average:
    """An exponential moving average of all parameters and buffers.

    It begins as a copy, and its decay rises from 0.1 to the wanted one, so that a short training is
    not an average with its beginning.

    Args:
        module: The network that is trained.
        decay: Share of the old average that is kept at each update, 0 to 1.

    Attributes:
        module: The averaged network, in evaluation mode.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Takes in the network's weights.

        Args:
            module: The network that is trained.
            step: Number of updates before this one.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        new = module.state_dict()
        for key, value in self.module.state_dict().items():
            if value.is_floating_point():
                value.lerp_(new[key], 1 - decay)
            else:
                value.copy_(new[key])
