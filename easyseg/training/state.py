"""What a training needs to go on after a kill as if nothing had happened."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from easyseg.checkpoints import StateDict
from easyseg.checkpoints.trained_file import save_whole
from easyseg.errors import InputError, ModelError

Row = dict[str, float]
"""One row of the curves."""


@dataclass
class State:
    """How far a training is.

    Nothing random is in it: every random number follows from the seed and the step.

    Attributes:
        step: Number of steps done.
        seconds: Time that they took, without validation.
        waited: Seconds of it that were spent waiting for data.
        losses: Sums of the losses since the last row, followed by the number of batches.
        history: The curves so far.
        best_score: Best mIoU of a validation, or -1.
        stale: Validations since then.
        finished: Whether nothing is left to do.
        best: The averaged weights of the best validation.
    """

    step: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    losses: list[float] = field(default_factory=list)
    history: list[Row] = field(default_factory=list)
    best_score: float = -1.0
    stale: int = 0
    finished: bool = False
    best: StateDict = field(default_factory=dict)


def save(
    path: Path,
    state: State,
    identity: Mapping[str, Any],
    tensors: Mapping[str, Mapping[str, Any]],
) -> None:
    """Saves a training; the file before is replaced at once.

    Args:
        path: Where to.
        state: How far it is.
        identity: What it is a training of, see `check_identity`.
        tensors: State dicts of the network, its average and the optimiser, by name.

    Raises:
        OSError: If it cannot be written.
    """
    plain = {name: value for name, value in vars(state).items() if name != "best"}
    content = {"state": plain, "best": state.best, "identity": dict(identity), **tensors}
    save_whole(content, path)


def load(path: Path) -> tuple[State, dict[str, Any], dict[str, Any]] | None:
    """Loads a training.

    Args:
        path: The file.

    Returns:
        The state, the identity, and the state dicts by name; None where there is no file.

    Raises:
        ModelError: If the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        # Not memory-mapped: this very file is going to be replaced.
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = State(**content.pop("state"), best=content.pop("best"))
        return state, content.pop("identity"), content
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        ValueError,
        TypeError,
        LookupError,
    ) as error:
        raise ModelError(
            f"the saved state {str(path)!r} is damaged ({error}): remove it to begin anew"
        ) from error


def check_identity(saved: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    """Raises InputError when a saved training was one of something else.

    Args:
        saved: Identity of the saved one: plain values by name.
        now: Identity of this one.
        path: Of the saved state, for the message.
    """
    differing = [
        f"{name} was {saved.get(name)!r} and is {now.get(name)!r}"
        for name in {**saved, **now}
        if saved.get(name) != now.get(name)
    ]
    if differing:
        raise InputError(
            f"{str(path.parent)!r} holds another training: {'; '.join(differing)}. Give the same "
            "arguments to go on with it, or another output folder"
        )
