"""The loop: batch after batch, validation, saved states."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.datasets.prefetch import Prefetch
from easyseg.errors import ModelError
from easyseg.evaluation.metrics import Scores
from easyseg.training import losses, state
from easyseg.training.average import Average
from easyseg.training.batches import Batch, BatchMaker
from easyseg.training.curves import write_curves
from easyseg.training.interrupt import Interrupt
from easyseg.training.memory import keep_freed_memory
from easyseg.training.optimiser import make_optimizer, set_learning_rate
from easyseg.training.settings import Settings
from easyseg.training.state import Row, State
from easyseg.training.teacher import Teacher

if TYPE_CHECKING:
    from tqdm import tqdm

STATE_FILE = "state.pt"
ROWS = 200
"""About as many rows get the curves of a training without validation."""

AHEAD = 3
"""Batches that each worker keeps ready."""


@dataclass
class Trainer:
    """A network, all that changes while it is trained, and where that is saved.

    Attributes:
        module: The network, on its device.
        maker: Makes batches.
        settings: Of the training.
        device: Where the network is.
        folder: For the saved state and the curves.
        identity: What this is a training of, so that no other is resumed by mistake.
        epoch_steps: Steps in which each photograph is seen once.
        teacher: To distil from, or None.
        validate: Scores a network, or None where there are no photographs for it.
        align_corners: How the network's logits are to be enlarged.
        progress: Whether to show a progress bar.
        state: How far the training is.
    """

    module: nn.Module
    maker: BatchMaker
    settings: Settings
    device: torch.device
    folder: Path
    identity: Mapping[str, Any]
    epoch_steps: float
    teacher: Teacher | None = None
    validate: Callable[[nn.Module], Scores] | None = None
    align_corners: bool = False
    progress: bool = False
    state: State = field(default_factory=State)

    def __post_init__(self) -> None:
        self.optimizer = make_optimizer(self.module, self.settings)
        self.average = Average(self.module, self.settings.ema)
        kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)
        self._norms = [part for part in self.module.modules() if isinstance(part, kinds)]
        if self.settings.norm_momentum is not None:
            for part in self._norms:
                part.momentum = self.settings.norm_momentum
        self.total_steps = self.settings.total_steps(self.epoch_steps)
        self.validation_interval = self.settings.validation_interval(self.epoch_steps)
        self._sums = torch.zeros(5, dtype=torch.float32, device=self.device)

    @property
    def state_file(self) -> Path:
        """Where the state is saved."""
        return self.folder / STATE_FILE

    def resume(self) -> bool:
        """Takes up the saved state; says whether there was one.

        Raises:
            InputError: If it is of another training.
            ModelError: If it is damaged.
        """
        found = state.load(self.state_file)
        if found is None:
            return False
        self.state, identity, tensors = found
        state.check_identity(identity, self.identity, self.state_file)
        self.module.load_state_dict(tensors["module"])
        self.average.module.load_state_dict(tensors["average"])
        self.optimizer.load_state_dict(tensors["optimizer"])
        self._sums = torch.tensor(self.state.losses, dtype=torch.float32, device=self.device)
        return True

    def save(self) -> None:
        """Saves the state.

        Raises:
            ModelError: If the loss is no longer a number: the state before is kept.
        """
        self.state.losses = self._finite_sums()
        tensors = {
            "module": self.module.state_dict(),
            "average": self.average.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        state.save(self.state_file, self.state, self.identity, tensors)

    def run(self) -> None:
        """Trains to the end, or until it is interrupted, and saves the state.

        Raises:
            InputError: If a photograph and its labels do not fit.
            MediaError: If a file cannot be read.
            ModelError: If the loss becomes infinite.
            KeyboardInterrupt: After Ctrl-C, when the step has ended and the state is saved.
        """
        from tqdm import tqdm

        accumulate = self.settings.accumulate
        numbers = range(self.state.step * accumulate, self.total_steps * accumulate)
        workers = self.settings.workers or 0
        bar = tqdm(
            total=self.total_steps,
            initial=self.state.step,
            unit="step",
            disable=not self.progress,
            dynamic_ncols=True,
        )
        # Random numbers of the network's own (dropout) must not disturb the caller's.
        devices = [self.device] if self.device.type == "cuda" else []
        with (
            Interrupt() as interrupt,
            bar,
            Prefetch(
                self.maker, numbers, workers=workers, ahead=max(1, AHEAD * workers)
            ) as batches,
            torch.random.fork_rng(devices=devices),
            keep_freed_memory(self.device),
        ):
            self._loop(batches, bar, interrupt)
            self._save_all()

    def _loop(self, batches: Prefetch[int, Batch], bar: "tqdm[Any]", interrupt: Interrupt) -> None:
        saved = time.monotonic()
        while not self.state.finished and interrupt.received is None:
            started, waited = time.perf_counter(), batches.waited
            factor = self._step(batches)
            self.state.step += 1
            self.state.seconds += time.perf_counter() - started
            self.state.waited += batches.waited - waited
            bar.update()
            self._record(factor, bar)
            if self.state.step >= self.total_steps:
                self.state.finished = True
            if time.monotonic() - saved >= self.settings.checkpoint_seconds:
                self._save_all()
                saved = time.monotonic()

    def _save_all(self) -> None:
        self.save()
        write_curves(self.folder, self.state.history)

    def _finite_sums(self) -> list[float]:
        """Gives the sums of the losses.

        Raises:
            ModelError: If they are no longer numbers.
        """
        sums: list[float] = self._sums.tolist()
        if not all(map(math.isfinite, sums)):
            raise ModelError(
                f"the loss became infinite or no number before step {self.state.step}: give a "
                "lower learning rate. The state that was saved last is kept"
            )
        return sums

    def _step(self, batches: Prefetch[int, Batch]) -> float:
        """One step of the optimiser and of the average; gives the learning rate's factor."""
        step = self.state.step
        torch.manual_seed(self.settings.seed * 1_000_003 + step)
        factor = set_learning_rate(self.optimizer, self.settings, step, self.total_steps)
        self._training_mode()
        for _ in range(self.settings.accumulate):
            loss = self._loss(next(batches).to(self.device))
            (loss / self.settings.accumulate).backward()  # type: ignore[no-untyped-call]
        if self.settings.clip:
            nn.utils.clip_grad_norm_(self.module.parameters(), self.settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update(self.module, step)
        return factor

    def _training_mode(self) -> None:
        self.module.train()
        if self.settings.freeze_norm:
            for part in self._norms:
                part.eval()

    def _loss(self, batch: Batch) -> torch.Tensor:
        chosen = self.settings
        mixed = chosen.precision == "bf16"
        # Not every device that can train knows autocast.
        with torch.autocast(self.device.type, torch.bfloat16) if mixed else nullcontext():
            logits = self.module(batch.x)
        logits = logits.float()
        # (N, C, h, w) against (N, crop, crop): one of the two comes to the other's size.
        at_labels, truth = logits, batch.labels
        if chosen.loss_at == "logits":
            truth = _centres(batch.labels, logits)
        else:
            at_labels = F.interpolate(
                logits, truth.shape[1:], mode="bilinear", align_corners=self.align_corners
            )
        zero = logits.new_zeros(())
        cross = losses.cross_entropy(at_labels, truth, chosen.ohem)
        dice = losses.dice(at_labels, truth) if chosen.dice else zero
        soft = zero
        if self.teacher is not None and batch.teacher_x is not None:
            wanted = self.teacher.logits(batch.teacher_x, (logits.shape[2], logits.shape[3]))
            inside = _centres(batch.inside, logits)
            soft = losses.distillation(logits, wanted, inside, chosen.temperature)
        loss: torch.Tensor = cross + chosen.dice * dice + chosen.distill * soft
        self._sums += torch.stack([loss, cross, dice, soft, torch.ones_like(loss)]).detach()
        return loss

    def _record(self, factor: float, bar: "tqdm[Any]") -> None:
        """Adds a row to the curves where one is due; validates where that is due."""
        step, last = self.state.step, self.state.step == self.total_steps
        validates = self.validate is not None and (step % self.validation_interval == 0 or last)
        if not validates and not last and step % max(1, self.total_steps // ROWS):
            return
        loss, cross, dice, soft, count = self._finite_sums()
        self._sums.zero_()
        row: Row = {
            "step": step,
            "epoch": step / self.epoch_steps,
            "learning_rate": factor * self.settings.learning_rate,
            "loss": loss / count,
            "cross_entropy": cross / count,
            "seconds": self.state.seconds,
            "waiting": self.state.waited / self.state.seconds,
        }
        row.update({"dice": dice / count} if self.settings.dice else {})
        row.update({"distillation": soft / count} if self.teacher is not None else {})
        if validates and self.validate is not None:
            scores = self.validate(self.average.module)
            row.update(mean_iou=scores.mean_iou, pixel_accuracy=scores.pixel_accuracy)
            self._judge(scores.mean_iou)
        self.state.history.append(row)
        shown = {"loss": f"{row['loss']:.3f}", "waiting": f"{row['waiting']:.0%}"}
        if self.state.best_score >= 0:
            shown["best mIoU"] = f"{100 * self.state.best_score:.1f}"
        bar.set_postfix(shown)

    def _judge(self, score: float) -> None:
        """Keeps the weights of the best validation, and stops when they have been the best long."""
        if score > self.state.best_score:
            self.state.best_score, self.state.stale = score, 0
            own = self.average.module.state_dict()
            self.state.best = {key: tensor.detach().cpu().clone() for key, tensor in own.items()}
            return
        self.state.stale += 1
        if self.settings.patience and self.state.stale >= self.settings.patience:
            self.state.finished = True


def _centres(maps: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Takes, from (N, H, W), the pixel in the middle of each cell of logits (N, C, h, w)."""
    rows, columns = (
        (torch.arange(cells, device=maps.device) * side + side // 2) // cells
        for cells, side in zip(logits.shape[2:], maps.shape[1:], strict=True)
    )
    return maps[:, rows[:, None], columns]
