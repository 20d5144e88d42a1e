"""The optimiser, and how its learning rate moves."""

import math

import torch
from torch import nn

from easyseg.training.settings import Settings

ENCODER = "encoder."
"""How the names of an encoder's parameters begin, in every architecture of this library."""

POWER = 0.9


def make_optimizer(module: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Makes the optimiser.

    Args:
        module: The network.
        settings: Of the training.

    Returns:
        An optimiser with up to four groups: encoder or not, with weight decay or not. Each has its
        highest learning rate under `peak`.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        key = (name.startswith(ENCODER), parameter.ndim > 1)
        groups.setdefault(key, []).append(parameter)
    described = []
    for (encoder, decays), parameters in groups.items():
        peak = settings.learning_rate * (settings.encoder_rate if encoder else 1.0)
        decay = settings.weight_decay if decays else 0.0
        described.append({"params": parameters, "peak": peak, "lr": peak, "weight_decay": decay})
    if settings.optimizer == "sgd":
        return torch.optim.SGD(described, lr=settings.learning_rate, momentum=settings.momentum)
    return torch.optim.AdamW(described, lr=settings.learning_rate)


def set_learning_rate(
    optimizer: torch.optim.Optimizer, settings: Settings, step: int, total: int
) -> float:
    """Sets the learning rate of a step.

    Args:
        optimizer: As `make_optimizer` made it.
        settings: Of the training.
        step: Number of the step, from 0.
        total: Number of all steps.

    Returns:
        The factor on the highest learning rates, 0 to 1.
    """
    factor = rate_factor(settings, step, total)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    return factor


def rate_factor(settings: Settings, step: int, total: int) -> float:
    """Computes the factor on the learning rate: a linear rise, then the schedule's fall."""
    rising = settings.warmup * total
    rise = min(1.0, (step + 1) / rising) if rising > 0 else 1.0
    progress = step / total
    if settings.schedule == "cosine":
        return float(rise * 0.5 * (1 + math.cos(math.pi * progress)))
    return float(rise * (1 - progress) ** POWER)
