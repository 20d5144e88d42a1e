"""Trains a built-in model on one CPU thread, from labels and from a teacher's soft labels.

Where a pixel's label is known, its target is half the label and half the teacher's probabilities;
elsewhere the teacher's alone. State is saved every few minutes, and the same command goes on from
there; the learning rate follows the minutes of work. Of each crop the decoder, which costs as much
as the encoder and the ASPP together, sees a window only; what the ASPP knows of the rest is judged
by a classifier of its own at stride 16, which is thrown away afterwards. The network may change its
output stride on the way, for its weights serve all: most of the work is done at stride 32, which is
cheap.

    python weights/recipes/train.py PHOTOS --dataset voc --masks DIR --soft-labels DIR \
        --never NAMES.txt --init FILE.pt --out DIR --minutes 100 --output-stride 32
"""

import argparse
import math
import os
import random
import time
from pathlib import Path
from typing import Any

# Before NumPy comes: threads of its matrix products that wait for a core cost more than they gain.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np
import torch
from muon import Muon
from photographs import COARSE, STRIDE, VOID, Crop, Photographs
from student import Student
from torch import nn
from torch.nn import functional as F

from easyseg.models.backbones.efficientnet_lite import rename_imagenet_keys
from easyseg.training.memory import keep_freed_memory

LABEL_SHARE = 0.5
"""The labels' part of a pixel's target, where both are known."""
WARM_UP_STEPS = 150
EMA_DECAY = 0.998
WIDTHS = {
    "encoder_size": 0,
    "aspp_channels": 128,
    "decoder_channels": 128,
    "low_level_channels": 32,
}
LONGEST_STEP = 20.0
"""Seconds; a longer one was spent asleep, and does not count as work."""


class Trainer:
    """The network, its optimiser, its moving average, and their state on disk."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.out: Path = args.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.model = Student(
            21 if args.dataset == "voc" else 150,
            args.output_stride,
            args.frozen,
            start_of(args.init),
            args.dropout,
            **{name: getattr(args, name) for name in WIDTHS},
        )
        matrices, others = self.groups()
        self.optimizers = {
            "optimizer": torch.optim.AdamW(others, lr=0.0, weight_decay=0.01, fused=True),
            "muon": Muon(matrices),
        }
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.step, self.elapsed = 0, 0.0
        self.state_file = self.out / "state.pt"
        if self.state_file.exists():
            state = torch.load(self.state_file, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average = state["average"]
            for name, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state[name])
            self.step, self.elapsed = state["step"], state["elapsed"]

    def groups(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What Muon is for, the matrices within the network, and all else that is trained."""
        last = {id(p) for layer in self.model.classifiers() for p in layer.parameters()}
        matrices, others = [], []
        head = self.args.learning_rate
        for of_encoder, rate in ((True, head / 4), (False, head)):
            trained = [
                p
                for name, p in self.model.named_parameters()
                if p.requires_grad and name.startswith("network.encoder") == of_encoder
            ]
            inner = [p for p in trained if id(p) not in last and is_matrix(p)]
            ids = {id(p) for p in inner}
            matrices.append({"params": inner, "peak": rate})
            others.append({"params": [p for p in trained if id(p) not in ids], "peak": rate})
        return matrices, others

    def save(self) -> None:
        """Writes the state, and the average as a file of the product, each in one step."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            **{name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "step": self.step,
            "elapsed": self.elapsed,
        }
        for name, content in (("state", state), ("model", self.model.product(self.average))):
            part = self.out / f"{name}.part"
            torch.save(content, part)
            part.replace(self.out / f"{name}.pt")

    def train_step(self, crops: list[Crop]) -> float:
        """One step of the optimiser and of the average; returns the loss."""
        progress = self.progress()
        factor = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        factor *= 0.5 * (1 + math.cos(math.pi * progress)) + 0.005
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
        x = torch.from_numpy((np.stack([c.image for c in crops]) - 127) / 128)
        labels = torch.from_numpy(np.stack([c.labels for c in crops])).long()
        probability = torch.from_numpy(np.stack([c.probability for c in crops]))
        rows, columns = self.window(labels.shape[1:])
        answers = self.model(x.permute(0, 3, 1, 2), (rows, columns))
        loss = loss_of(answers.logits, labels[:, rows, columns], probability[:, :, rows, columns])
        if self.args.coarse_weight:
            known, likely = at_coarse(labels, probability)
            loss = loss + self.args.coarse_weight * loss_of(answers.coarse, known, likely)
        asked = [index for index, c in enumerate(crops) if c.other is not None]
        if asked and self.args.other_weight:
            likely = torch.from_numpy(np.stack([crops[index].other for index in asked]))
            unknown = labels.new_full((len(asked), *likely.shape[2:]), VOID)
            of_other = loss_of(answers.other[asked], unknown, likely)
            loss = loss + self.args.other_weight * of_other
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        for optimizer in self.optimizers.values():
            optimizer.step()
        self.step += 1
        self.follow()
        return float(loss.detach())

    def window(self, cells: torch.Size) -> tuple[slice, slice]:
        """Rows and columns of the cells that this step's decoder looks at."""
        spans = []
        for count in cells:
            wide = round(count * self.args.window)
            first = int(torch.randint(count - wide + 1, ()))
            spans.append(slice(first, first + wide))
        return spans[0], spans[1]

    def progress(self) -> float:
        """How much of the schedule is done, 0..1."""
        if self.args.steps:
            return min(1.0, self.step / self.args.steps)
        return min(1.0, self.elapsed / (self.args.minutes * 60))

    def follow(self) -> None:
        """Lets the moving average follow the network, faster at the beginning."""
        decay = min(EMA_DECAY, (self.step + 1) / (self.step + 10))
        own = self.model.state_dict()
        keys = [k for k, v in self.average.items() if v.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([self.average[k] for k in keys], [own[k] for k in keys], 1 - decay)

    def run(self, photographs: Photographs) -> None:
        """Trains until the minutes are used up, or stops at `--until` of them."""
        args = self.args
        rng = random.Random(args.seed + self.step)
        torch.manual_seed(args.seed + self.step)
        self.model.train()
        saved, losses = time.monotonic(), []
        until = 60 * args.until if args.until else math.inf
        while self.progress() < 1 and self.elapsed < until:
            start = time.monotonic()
            crops = [
                photographs.draw(rng, args.crop, (args.smallest, args.largest))
                for _ in range(args.batch)
            ]
            losses.append(self.train_step(crops))
            self.elapsed += min(time.monotonic() - start, LONGEST_STEP)
            if self.step % 100 == 0:
                loss = np.mean(losses[-100:])
                print(f"step {self.step}, {self.elapsed / 60:.1f} min: loss {loss:.4f}", flush=True)
            if time.monotonic() - saved > args.save_every:
                self.save()
                saved = time.monotonic()
        self.save()


def start_of(file: Path) -> dict[str, torch.Tensor]:
    """Reads what to start from: the product's weights, or an encoder's of ImageNet (`.pth`)."""
    state: dict[str, torch.Tensor] = torch.load(file, weights_only=True)
    if file.suffix == ".pth":
        state = {f"encoder.{key}": value for key, value in rename_imagenet_keys(state).items()}
    return state


def is_matrix(weight: torch.Tensor) -> bool:
    """Whether it is of a 1x1 convolution that is not depthwise."""
    return weight.ndim == 4 and weight.shape[2] == 1 and weight.shape[1] > 1


def at_coarse(labels: torch.Tensor, probability: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What is known at stride 16: one of a cell's labels, the mean of its probabilities."""
    step = COARSE // STRIDE
    return labels[:, step // 2 :: step, step // 2 :: step], F.avg_pool2d(probability, step)


def loss_of(logits: torch.Tensor, labels: torch.Tensor, probability: torch.Tensor) -> torch.Tensor:
    """Cross-entropy against labels and teacher, mean over the pixels of which something is known.

    Args:
        logits: (N, num_classes, h, w).
        labels: (N, h, w) ids, VOID where unknown.
        probability: The teacher's, (N, num_classes, h, w), 0 where it was not asked.
    """
    log_q = F.log_softmax(logits, 1)
    known, mass = labels != VOID, probability.sum(1)
    hard = F.nll_loss(log_q, labels, ignore_index=VOID, reduction="none")
    hard_weight = known * torch.where(mass > 0, LABEL_SHARE, 1.0)
    soft_weight = torch.where(known, 1 - LABEL_SHARE, 1.0)
    total = hard * hard_weight - (probability * log_q).sum(1) * soft_weight
    return total.sum() / (hard_weight + mass * soft_weight).sum().clamp(min=1)


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, help="folder of NAME.webp")
    parser.add_argument("--dataset", required=True, choices=["ade20k", "voc"])
    parser.add_argument("--masks", required=True, type=Path, help="folder of NAME.png")
    parser.add_argument("--soft-labels", required=True, type=Path, help="folder of NAME.npz")
    parser.add_argument("--never", required=True, type=Path, help="names kept for measuring")
    parser.add_argument("--init", required=True, type=Path, help="state dict to start from")
    parser.add_argument("--out", required=True, type=Path, help="folder of state and result")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="length of the schedule")
    length.add_argument("--steps", type=int, help="length of the schedule")
    parser.add_argument("--until", type=float, help="stop there, for another output stride")
    parser.add_argument("--output-stride", type=int, default=32, choices=[8, 16, 32])
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--window", type=float, default=0.5, help="of the decoder's sides")
    parser.add_argument("--coarse-weight", type=float, default=0.3, help="of the ASPP's own loss")
    parser.add_argument("--other-soft-labels", type=Path, help="ADE20K's, when training for VOC")
    parser.add_argument("--other-weight", type=float, default=0.25, help="of their loss")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--frozen", type=int, default=6, help="blocks of the encoder")
    parser.add_argument("--smallest", type=float, default=0.45, help="scale, long side 512 being 1")
    parser.add_argument("--largest", type=float, default=1.1)
    parser.add_argument("--random-share", type=float, default=0.25)
    parser.add_argument("--paste-share", type=float, default=0.0, help="of the crops, VOC only")
    parser.add_argument("--learning-rate", type=float, default=1.2e-3, help="of the head")
    for name, width in WIDTHS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=width)
    parser.add_argument("--save-every", type=float, default=180, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    never = set(args.never.read_text("utf-8").split())
    photographs = Photographs(
        args.photos,
        args.masks,
        args.soft_labels,
        never,
        args.dataset,
        args.random_share,
        args.paste_share,
        args.other_soft_labels,
    )
    with keep_freed_memory(torch.device("cpu")):
        Trainer(args).run(photographs)


if __name__ == "__main__":
    main()
