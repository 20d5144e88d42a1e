"""Every knob of a training, checked once."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from easyseg._types import make_plain_
from easyseg.errors import InputError

WITHOUT_EFFECT = ("workers", "checkpoint_seconds")
"""Settings that change nothing in the result: a resumed training may have other ones."""


@dataclass(frozen=True)
class Settings:
    """How to train. The defaults suit fine-tuning on some hundred photographs.

    Attributes:
        epochs: How often each photograph is seen, on average.
        steps: Number of steps of the optimiser; None follows from `epochs`.
        batch_size: Photographs that go through the network together.
        accumulate: Batches that make one step: their gradients are averaged.
        crop: Side of the square that is cut out of each photograph, in pixels.
        size: Side, in pixels, that the model's resize rule brings photographs to; None is the
            model's own. The trained file keeps it.
        scale: Range of the random enlargement of photographs, relative to that.
        flip: Whether to mirror half of them.
        color: Strength of the random changes of colour, 0 to 1.
        balance: Share of the crops that are laid on a class chosen at random, 0 to 1, so that rare
            classes are seen as often as common ones.
        optimizer: `"adamw"` or `"sgd"` (with momentum).
        learning_rate: Highest learning rate; 1e-3 suits AdamW, 1e-2 SGD.
        encoder_rate: Factor on it for the parameters of the encoder, which begins trained.
        momentum: Of SGD.
        weight_decay: Not applied to biases and normalisation.
        schedule: How the learning rate falls to zero: `"poly"` (power 0.9) or `"cosine"`.
        warmup: Share of the steps in which it rises first.
        clip: Largest norm of the gradient; 0 leaves it.
        ema: Decay of the moving average of the weights, which is what is kept; 0 keeps the last.
        precision: `"fp32"`, or `"bf16"` for mixed precision: faster on GPUs. On CPUs try both:
            networks with depthwise convolutions, like the built-in ones, were slower with it.
        norm_momentum: How fast batch normalisation's statistics follow, 0 to 1; None is the
            model's own, which suits long trainings.
        freeze_norm: Whether batch normalisation keeps its statistics, for very small batches.
        ohem: Share of the pixels, the hardest, that the cross-entropy is taken over; 1 is all.
        dice: Weight of the Dice loss.
        loss_at: `"labels"` compares at the size of the crop, `"logits"` at that of the network's
            output, which is faster and coarser.
        distill: Weight of the teacher's soft labels.
        temperature: Divides the logits of both for that.
        unlabelled_share: Share of each batch that is taken from unlabelled photographs, where there
            are any.
        validate_every: Steps from one validation to the next; None is an epoch, or a twentieth of
            the training where that is longer.
        patience: Validations without a better result after which to stop; 0 never stops early.
        checkpoint_seconds: Time from one saved state to the next.
        seed: Of everything that is random.
        workers: Threads that prepare batches; with 0 it is done between the steps. None is 2, and
            for a GPU one for each processor, at most 16.
        half: Whether the trained file holds float16 numbers: half the size.

    Raises:
        InputError: If a value is out of its range.
    """

    epochs: float = 60
    steps: int | None = None
    batch_size: int = 8
    accumulate: int = 1
    crop: int = 384
    size: int | None = None
    scale: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
    color: float = 0.5
    balance: float = 0.5
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    encoder_rate: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 0.01
    schedule: Literal["poly", "cosine"] = "poly"
    warmup: float = 0.05
    clip: float = 5.0
    ema: float = 0.998
    precision: Literal["fp32", "bf16"] = "fp32"
    norm_momentum: float | None = 0.1
    freeze_norm: bool = False
    ohem: float = 1.0
    dice: float = 0.0
    loss_at: Literal["labels", "logits"] = "labels"
    distill: float = 1.0
    temperature: float = 1.0
    unlabelled_share: float = 0.5
    validate_every: int | None = None
    patience: int = 0
    checkpoint_seconds: float = 300.0
    seed: int = 0
    workers: int | None = None
    half: bool = False

    def __post_init__(self) -> None:
        make_plain_(self, *(field.name for field in fields(self)))
        for name, lowest in _WHOLE.items():
            _check_whole(name, getattr(self, name), lowest)
        for name, (low, high) in _RANGES.items():
            _check_range(name, getattr(self, name), low, high)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"{name} must be one of {choices}, not {getattr(self, name)!r}")
        for name in ("flip", "freeze_norm", "half"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} must be True or False, not {getattr(self, name)!r}")
        object.__setattr__(self, "scale", _checked_scale(self.scale))

    def total_steps(self, epoch_steps: float) -> int:
        """Number of steps of the optimiser, when an epoch has `epoch_steps`."""
        if self.steps is not None:
            return self.steps
        return max(1, math.ceil(self.epochs * epoch_steps))

    def validation_interval(self, epoch_steps: float) -> int:
        """Steps from one validation to the next, when an epoch has `epoch_steps`."""
        if self.validate_every is not None:
            return self.validate_every
        return max(1, math.ceil(epoch_steps), self.total_steps(epoch_steps) // 20)

    def deciding(self) -> dict[str, Any]:
        """The settings that decide the result, as plain values."""
        return {k: v for k, v in asdict(self).items() if k not in WITHOUT_EFFECT}


_OPTIONAL = ("steps", "size", "validate_every", "norm_momentum", "workers")
_WHOLE = {
    "steps": 1,
    "batch_size": 1,
    "accumulate": 1,
    "crop": 8,
    "size": 8,
    "validate_every": 1,
    "patience": 0,
    "seed": 0,
    "workers": 0,
}
_RANGES = {
    "epochs": (1e-6, 1e9),
    "color": (0.0, 1.0),
    "balance": (0.0, 1.0),
    "learning_rate": (1e-12, 1e3),
    "encoder_rate": (0.0, 1e3),
    "momentum": (0.0, 0.9999),
    "weight_decay": (0.0, 1e3),
    "warmup": (0.0, 1.0),
    "clip": (0.0, 1e9),
    "ema": (0.0, 0.99999),
    "norm_momentum": (0.0001, 1.0),
    "ohem": (0.001, 1.0),
    "dice": (0.0, 1e3),
    "distill": (0.0, 1e3),
    "temperature": (0.01, 100.0),
    "unlabelled_share": (0.0, 0.99),
    "checkpoint_seconds": (0.0, 1e9),
}
_CHOICES = {
    "optimizer": ("adamw", "sgd"),
    "schedule": ("poly", "cosine"),
    "precision": ("fp32", "bf16"),
    "loss_at": ("labels", "logits"),
}


def _check_whole(name: str, value: object, lowest: int) -> None:
    if value is None and name in _OPTIONAL:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise InputError(f"{name} must be a whole number from {lowest}, not {value!r}")


def _check_range(name: str, value: object, low: float, high: float) -> None:
    if value is None and name in _OPTIONAL:
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # type: ignore[operator]
        raise InputError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")


def _checked_scale(scale: object) -> tuple[float, float]:
    try:
        low, high = (float(one) for one in scale)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        low = high = 0.0
    if not 0.05 <= low <= high <= 20:
        raise InputError(
            f"scale must be two numbers from 0.05 to 20, the smaller first, not {scale!r}"
        )
    return low, high
