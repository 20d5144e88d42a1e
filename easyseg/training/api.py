"""Trains a model on labelled photographs, with one call."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from easyseg._types import Image, LabelMap, PathLike
from easyseg.checkpoints import trained_file
from easyseg.checkpoints.trained_file import TrainedFile
from easyseg.datasets import Dataset
from easyseg.engine.device import pick_device
from easyseg.errors import InputError
from easyseg.evaluation import score
from easyseg.evaluation.metrics import Scores
from easyseg.files import check_target, replace_file
from easyseg.labels import LabelSet
from easyseg.training import prepare
from easyseg.training.augment import Augment
from easyseg.training.batches import BatchMaker
from easyseg.training.initial import Initial, make_initial
from easyseg.training.loop import Trainer
from easyseg.training.prepare import Material
from easyseg.training.sampling import Sampler, class_holders
from easyseg.training.settings import Settings
from easyseg.training.teacher import Teacher
from easyseg.transforms import Preprocess, restore

MODEL_FILE = "model.pt"
FILES = (MODEL_FILE, "state.pt", "settings.json", "curves.csv", "curves.png")


@dataclass(frozen=True, eq=False)
class Training:
    """What came out.

    Attributes:
        path: The trained file: `Segmenter(path)` loads it.
        label_set: Its classes.
        steps: Steps that were done.
        seconds: Time that they took, over all runs, without validation.
        waiting: Share of that time that was spent waiting for data.
        mean_iou: Best mIoU of a validation, 0 to 1; its weights are the ones in the file. None
            without validation.
        history: The curves, a row for each line of `curves.csv`.
    """

    path: Path
    label_set: LabelSet
    steps: int
    seconds: float
    waiting: float
    mean_iou: float | None
    history: Sequence[Mapping[str, float]] = field(repr=False)


def train(
    data: PathLike | Sequence[PathLike] | Dataset,
    *,
    output: PathLike,
    init: PathLike = "builtin",
    classes: PathLike | LabelSet | Sequence[str] | None = None,
    validation: PathLike | Sequence[PathLike] | Dataset | float | None = None,
    unlabelled: PathLike | Sequence[PathLike] | Dataset | None = None,
    teacher: PathLike | None = None,
    architecture: str | None = None,
    split: str = "train",
    reduce_zero_label: bool = False,
    device: str | torch.device | None = None,
    settings: Settings | None = None,
    progress: bool = False,
    **changes: Any,
) -> Training:
    """Trains a model.

    The state is saved every few minutes. The same call goes on from there after a kill, and gives
    the same weights, to the bit on a CPU, as a training that was never interrupted. A training that
    is finished is not done again.

    Args:
        data: Labelled photographs, in any layout that `easyseg.datasets.open_dataset` knows.
        output: Folder for `model.pt` (the trained file), `state.pt`, `curves.csv`, `curves.png` and
            `settings.json`; made when it is not there.
        init: What to begin with: a tier, a model's name, the path of a checkpoint, `"imagenet"` for
            an encoder trained on ImageNet, or `"random"`.
        classes: The classes: a file with a name in each line, a list of names, a label set, or
            `"voc"` or `"ade20k"`. None takes those that the data bring.
        validation: Labelled photographs to measure on, or the share of `data` that is held out for
            it, 0 for none. None takes the layout's own `val` part, or holds out a tenth.
        unlabelled: Photographs without labels, for the teacher: a folder or tar files.
        teacher: A model of the same classes whose soft labels are learnt too.
        architecture: With `init="imagenet"` or `"random"`: name of a model without its data set.
        split: Part of the data to train on, where it has parts.
        reduce_zero_label: Whether masks in a folder or a tar file count their classes from 1.
        device: A torch device; None takes CUDA, then MPS, then the CPU.
        settings: All other settings; None takes the defaults.
        progress: Whether to show progress bars.
        **changes: Single settings by name, such as `epochs=20`, on top of `settings`.

    Returns:
        What came out.

    Raises:
        InputError: If an argument is wrong, or the folder holds another training.
        MediaError: If a photograph or a mask cannot be read.
        ModelError: If a model cannot be loaded, or the loss becomes infinite.
    """
    chosen = prepare.merge_settings(settings, changes)
    material = prepare.open_material(
        data,
        classes=classes,
        validation=validation,
        unlabelled=unlabelled,
        split=split,
        reduce_zero_label=reduce_zero_label,
    )
    if (unlabelled is not None) and teacher is None:
        raise InputError("unlabelled photographs need a teacher: give teacher=MODEL too")
    where = pick_device(device)
    chosen = prepare.with_workers(chosen, where)
    folder = Path(output).expanduser()
    identity = {
        **chosen.deciding(),
        "init": str(init),
        "architecture": architecture,
        "teacher": None if teacher is None else str(teacher),
        **material.identity(),
    }
    with prepare.locked(folder):
        for name in FILES:
            check_target(folder / name)
        label_set = material.label_set
        initial = make_initial(init, label_set, architecture=architecture, seed=chosen.seed)
        wise = None if teacher is None else Teacher(teacher, label_set, device=where)
        trainer = _trainer(initial, material, chosen, wise, where, folder, identity)
        trainer.progress = progress
        if not trainer.resume():
            text = json.dumps(identity, indent=2)
            replace_file(folder / "settings.json", text.encode("utf-8"))
        if not trainer.state.finished:
            trainer.run()
        return _finish(trainer, initial, label_set)


def _trainer(
    initial: Initial,
    material: Material,
    settings: Settings,
    teacher: Teacher | None,
    device: torch.device,
    folder: Path,
    identity: Mapping[str, Any],
) -> Trainer:
    preprocess = _preprocess(initial, settings)
    for wanted in (preprocess, teacher.preprocess if teacher else preprocess):
        if settings.crop % wanted.divisor:
            raise InputError(
                f"the model takes sides that are multiples of {wanted.divisor}: crop must be one, "
                f"not {settings.crop}"
            )
    share = settings.unlabelled_share if material.unlabelled is not None else 0.0
    from_unlabelled = min(round(settings.batch_size * share), settings.batch_size - 1)
    epoch_steps = len(material.labelled) / (
        (settings.batch_size - from_unlabelled) * settings.accumulate
    )
    classes = len(material.label_set)
    holders = (
        class_holders(material.labelled, classes, workers=settings.workers or 0)
        if settings.balance
        else ()
    )
    maker = BatchMaker(
        labelled=material.labelled,
        sampler=Sampler(len(material.labelled), settings.seed, settings.balance, holders),
        augment=Augment(settings.crop, preprocess, settings.scale, settings.flip, settings.color),
        batch_size=settings.batch_size,
        seed=settings.seed,
        unlabelled=material.unlabelled,
        from_unlabelled=from_unlabelled,
        teacher=None if teacher is None else teacher.preprocess,
    )
    return Trainer(
        module=initial.module.to(device).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        maker=maker,
        settings=settings,
        device=device,
        folder=folder,
        identity=identity,
        epoch_steps=epoch_steps,
        teacher=teacher,
        validate=_validation(material, preprocess, device, settings.workers or 0),
        align_corners=preprocess.align_corners,
    )


def _preprocess(initial: Initial, settings: Settings) -> Preprocess:
    preprocess = initial.weights.preprocess
    return preprocess if settings.size is None else preprocess.with_size(settings.size)


def _validation(
    material: Material, preprocess: Preprocess, device: torch.device, workers: int
) -> Callable[[nn.Module], Scores] | None:
    held = material.validation
    if held is None:
        return None

    def validate(module: nn.Module) -> Scores:
        def predict(image: Image) -> LabelMap:
            x, geometry = preprocess(image)
            with torch.inference_mode():
                x = x.to(device, memory_format=torch.channels_last)
                return restore(module(x).float(), geometry)

        return score(held, predict, material.label_set, workers=workers)

    return validate


def _finish(trainer: Trainer, initial: Initial, label_set: LabelSet) -> Training:
    """Writes the trained file, from the best validation or from the end."""
    state = trainer.state
    validated = state.best_score >= 0
    best = max(
        (row for row in state.history if "mean_iou" in row),
        key=lambda row: row["mean_iou"],
        default={},
    )
    names = {"mean_iou": "mIoU", "pixel_accuracy": "pixel accuracy"}
    metrics = {title: 100 * best[name] for name, title in names.items() if name in best}
    trained = TrainedFile(
        architecture=initial.architecture,
        label_set=label_set,
        preprocess=trainer.maker.augment.preprocess,
        metrics=metrics,
    )
    tensors = state.best if validated else trainer.average.module.state_dict()
    path = trained_file.write(
        trainer.folder / MODEL_FILE, trained, tensors, half=trainer.settings.half
    )
    return Training(
        path=path,
        label_set=label_set,
        steps=state.step,
        seconds=state.seconds,
        waiting=state.waited / max(state.seconds, 1e-9),
        mean_iou=state.best_score if validated else None,
        history=tuple(state.history),
    )
