"""Muon: momentum whose matrices are brought to singular values of about 1 before each step.

Jordan, "Muon: An optimizer for hidden layers in neural networks", 2024,
https://kellerjordan.github.io/posts/muon, with the step of Liu et al., "Muon is Scalable for LLM
Training", 2025, https://arxiv.org/abs/2502.16982: as large as AdamW's, so that one learning rate
serves both. `torch.optim.Muon` is not taken, for it computes in bfloat16, which most CPUs emulate.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
ADAM_SIZE = 0.2
"""Root mean square of AdamW's usual step, the learning rate being 1."""


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest matrix of orthonormal rows or columns, roughly, by Newton-Schulz iterations."""
    a, b, c = COEFFICIENTS
    high = matrix.shape[0] > matrix.shape[1]
    x = matrix.t() if high else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.t()
        x = a * x + (b * square + c * (square @ square)) @ x
    return x.t() if high else x


class Muon(torch.optim.Optimizer):
    """For weights that are matrices but for trailing sides of 1, as those of 1x1 convolutions."""

    def __init__(
        self, groups: Iterable[dict[str, Any]], momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(groups, {"lr": 0.0, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; the closure is not called."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self.move(weight, group)

    def move(self, weight: torch.Tensor, group: dict[str, Any]) -> None:
        """Moves one weight."""
        gradient = weight.grad.flatten(1)
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        momentum = state["momentum"]
        momentum.lerp_(gradient, 1 - group["momentum"])
        update = orthogonal(gradient.lerp(momentum, group["momentum"]))  # Nesterov's
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        rate = group["lr"] * ADAM_SIZE * max(update.shape) ** 0.5
        weight.add_(update.view(weight.shape), alpha=-rate)
