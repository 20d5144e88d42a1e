"""Trains a built-in model further: from its weights, labels and its teachers' soft labels.

    python weights/recipes/distil.py SHARDS --dataset voc --soft-labels soft-voc --out voc.pt

AdamW with a small rate for what begins trained (otherwise rare classes are forgotten), bfloat16
autocast, a moving average of the weights, which is what is kept. The same command goes on where a
run was stopped. A step of 8 crops of 321 takes about 1.7 s on one thread.
"""

import argparse
import functools
import math
import queue
import random
import threading
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import data
import google
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from easyseg import registry
from easyseg.engine import loader
from easyseg.models.deeplabv3plus_mobilenet_v2_tensorflow import DeepLabV3Plus
from easyseg.models.layers import ConvNorm, pad_same

CROP, BATCH, LONG_SIDE = 321, 8, 449
GRID = CROP // 4 + 1
"""Side of the network's answer for a crop."""

VOID = 255
LABELS_SHARE = {"voc": 0.3, "ade20k": 0.13}
"""Weight of the labels; the rest is the teachers'."""

COARSE_SHARE = 0.4
"""Weight of VOC's coarse answer, of which a tenth is the labels'."""

NEW = {
    "voc": ("low_level", "decoder", "classifier"),
    "ade20k": ("pool", "pointwise", "project", "low_level", "decoder", "classifier"),
}
"""Parts that learn faster."""

EMA, CLIP, SAVED_EVERY, LONGEST_STEP = 0.998, 5.0, 100, 20.0


class Batch(NamedTuple):
    """What one step needs."""

    x: torch.Tensor
    """(N, 3, CROP, CROP)."""
    labels: torch.Tensor
    """(N, GRID, GRID), `VOID` where nothing is known."""
    soft: torch.Tensor
    """Probabilities, (N, C, GRID, GRID)."""
    inside: torch.Tensor
    """(N, GRID, GRID): where the photograph is, and not the padding."""


class Crops:
    """Random crops of the photographs, all of which are held in memory."""

    def __init__(self, photographs: list[data.Photograph], soft: Path, dataset: str) -> None:
        self.dataset = dataset
        self.classes = 21 if dataset == "voc" else 150
        self.images = [one.read() for one in photographs]
        self.soft = [dict(np.load(soft / f"{one.name}.npz")) for one in photographs]
        self.labels = [one.labels(dataset) for one in photographs]
        weight = np.array([*map(self._weight, range(len(photographs)))])
        self.weight = weight / weight.sum()

    @functools.cached_property
    def _present(self) -> list[list[int]]:
        """The classes of each photograph, by its labels or else by its teachers."""
        return [*map(self._classes, range(len(self.images)))]

    def _classes(self, index: int) -> list[int]:
        labels, soft = self.labels[index], self.soft[index]
        if self.dataset == "ade20k":
            labels, least = soft["ids"][0], 0.01
        elif labels is None:
            labels, least = soft["z"].argmax(0), 0.02
        else:
            least = 0.0
        ids, counts = np.unique(labels, return_counts=True)
        first = 1 if self.dataset == "voc" else 0
        return [
            int(i) for i, n in zip(ids, counts, strict=True)
            if first <= i < self.classes and n > least * labels.size
        ]  # fmt: skip

    @functools.cached_property
    def _counts(self) -> data.Array:
        found = [i for present in self._present for i in present]
        return np.bincount(found, minlength=self.classes)

    def _weight(self, index: int) -> float:
        """Rare classes are drawn more often, ADE20K's where the teachers see five at least."""
        present = self._present[index]
        if self.dataset == "ade20k":
            rare = [min(self._counts[i], 400) ** -0.5 for i in present if self._counts[i] > 4]
            return max(rare, default=0.05)
        factor = 0.8 if self.labels[index] is None else 1.0
        return factor * max((self._counts[i] ** -0.5 for i in present), default=0.012)

    def batch(self) -> Batch:
        """Draws a batch."""
        drawn = zip(*(self._draw() for _ in range(BATCH)), strict=True)
        return Batch(*(torch.stack(part) for part in drawn))

    def _draw(self) -> tuple[torch.Tensor, ...]:
        (index,) = random.choices(range(len(self.weight)), self.weight)
        image, labels = self.images[index], self.labels[index]
        factor = math.exp(random.uniform(math.log(0.65), math.log(1.6)))
        factor *= LONG_SIDE / max(image.shape[:2])
        stretch = math.exp(random.uniform(-0.12, 0.12))
        sides = [
            max(17, round(length * factor * by))
            for length, by in zip(image.shape[:2], (stretch, 1 / stretch), strict=True)
        ]
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        image = cv2.resize(image, sides[::-1], interpolation=way)
        starts = [
            random.randint(0, length - CROP) if length >= CROP
            else -random.randint(0, CROP - length) for length in sides
        ]  # fmt: skip
        grid = [start + 4 * np.arange(GRID) for start in starts]
        share = [place / (length - 1) for place, length in zip(grid, sides, strict=True)]
        valid = [(p >= 0) & (p < length) for p, length in zip(grid, sides, strict=True)]
        inside = valid[0][:, None] & valid[1][None]
        parts = (
            _normalised(_jittered(_cut(image, starts))),
            torch.from_numpy(_labels_at(labels, share, inside)),
            self._soft_at(index, share),
            torch.from_numpy(inside),
        )
        return tuple(part.flip(-1) for part in parts) if random.random() < 0.5 else parts

    def _soft_at(self, index: int, share: list[data.Array]) -> torch.Tensor:
        soft = self.soft[index]
        if self.dataset == "voc":
            known = torch.from_numpy(soft["z"].astype(np.float32))
        else:
            known = torch.zeros(self.classes, *soft["ids"].shape[1:])
            known.scatter_(0, torch.from_numpy(soft["ids"].astype(np.int64)),
                           torch.from_numpy(soft["p"].astype(np.float32)))  # fmt: skip
            known /= known.sum(0, keepdim=True).clamp_min(1e-6)
        down, across = np.meshgrid(share[0] * 2 - 1, share[1] * 2 - 1, indexing="ij")
        at = torch.from_numpy(np.stack([across, down], -1).astype(np.float32))[None]
        sampled = F.grid_sample(known[None], at, align_corners=True, padding_mode="border")[0]
        return sampled.softmax(0) if self.dataset == "voc" else sampled


def _cut(image: data.Array, starts: list[int]) -> data.Array:
    crop = np.full((CROP, CROP, 3), 127, np.uint8)
    from_, to = (
        [max(0, start) for start in starts],
        [min(length, start + CROP) for length, start in zip(image.shape, starts, strict=False)],
    )
    down, across = (slice(a - s, b - s) for a, b, s in zip(from_, to, starts, strict=True))
    crop[down, across] = image[from_[0] : to[0], from_[1] : to[1]]
    return crop


def _jittered(crop: data.Array) -> data.Array:
    """Changes contrast, brightness, white balance and saturation of most crops."""
    changed = crop.astype(np.float32)
    if random.random() >= 0.6:
        return changed
    mean = changed.mean()
    changed = (changed - mean) * random.uniform(0.75, 1.25) + mean + random.uniform(-22, 22)
    if random.random() < 0.5:
        changed *= np.array([random.uniform(0.92, 1.08) for _ in range(3)], np.float32)
    grey = changed.mean(2, keepdims=True)
    return np.clip(grey + (changed - grey) * random.uniform(0.6, 1.3), 0, 255)


def _normalised(crop: data.Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))) / 127.5 - 1


def _labels_at(
    labels: data.Array | None, share: list[data.Array], inside: data.Array
) -> data.Array:
    if labels is None:
        return np.full((GRID, GRID), VOID, np.int64)
    rows, columns = (
        np.clip(np.rint(at * (length - 1)), 0, length - 1).astype(int)
        for at, length in zip(share, labels.shape, strict=True)
    )
    return np.where(inside, labels[rows][:, columns], VOID).astype(np.int64)


def use_quick_gradients(module: nn.Module) -> None:
    """Computes strided and dilated depthwise convolutions in forms with quicker gradients.

    oneDNN's bfloat16 gradients of both take ten times as long as those of a convolution without;
    equal forms: without a stride, of which every second value is kept, and one for each phase.
    """
    for block in module.modules():
        if isinstance(block, ConvNorm) and block.conv.groups > 1:
            if block.conv.stride[0] > 1:
                block._convolve = functools.partial(_every_second, block.conv)
            elif block.conv.dilation[0] > 1:
                block._convolve = functools.partial(_in_phases, block.conv)


def _every_second(conv: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    step = conv.stride[0]
    x = pad_same(x, conv.kernel_size[0], step)
    return F.conv2d(x, conv.weight, conv.bias, groups=conv.groups)[:, :, ::step, ::step]


def _in_phases(conv: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    step, (height, width) = conv.dilation[0], x.shape[2:]
    pad = step * (conv.kernel_size[0] // 2)
    x = F.pad(x, (pad, pad + -width % step, pad, pad + -height % step))
    number, channels, rows, columns = x.shape
    x = x.reshape(number, channels, rows // step, step, columns // step, step)
    x = x.permute(3, 5, 0, 2, 4, 1).flatten(0, 2).permute(0, 3, 1, 2)  # channels last
    y = F.conv2d(x, conv.weight, conv.bias, groups=conv.groups)
    y = y.unflatten(0, (step, step, number)).permute(2, 4, 0, 5, 1, 3)
    y = y.permute(0, 1, 2, 3, 4, 5).reshape(number, y.shape[1] * step, -1, y.shape[-1])
    return y.permute(0, 3, 1, 2)[:, :, :height, :width]


class Student:
    """The network and its optimiser."""

    def __init__(self, dataset: str, rates: tuple[float, float], init: Path | None) -> None:
        self.dataset = dataset
        record = registry.get(f"deeplabv3plus_mobilenet_v2_tensorflow.{dataset}")
        self.module = DeepLabV3Plus(record.num_classes, refine=dataset == "voc")
        google.fill(self.module, init or loader.built_in_file(record))
        self.module.to(memory_format=torch.channels_last).train()
        use_quick_gradients(self.module)
        self.rates = rates
        groups: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
        for name, parameter in self.module.named_parameters():
            groups[name.split(".")[0] in NEW[dataset]].append(parameter)
        self.optimizer = torch.optim.AdamW(
            [{"params": group, "lr": rate} for group, rate in zip(groups, rates, strict=True)],
            weight_decay=1e-4, fused=True,
        )  # fmt: skip
        self.average = {key: value.clone() for key, value in self.module.state_dict().items()}
        self.steps, self.seconds = 0, 0.0
        self._coarse: torch.Tensor | None = None
        if self.module.coarse_classifier is not None:
            self.module.coarse_classifier.register_forward_hook(self._keep_coarse)

    def _keep_coarse(self, _module: nn.Module, _given: object, answer: torch.Tensor) -> None:
        self._coarse = answer

    def step(self, batch: Batch, progress: float) -> tuple[float, float]:
        """Takes a step; gives the losses against labels and teachers."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            cosine = 0.5 * (1 + math.cos(math.pi * progress)) + 0.003
            group["lr"] = rate * min(1.0, (self.steps + 1) / 100) * cosine
        x = batch.x.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.module(x)
        share = LABELS_SHARE[self.dataset]
        labels, soft = _losses(logits.float(), batch)
        loss = share * labels + (1 - share) * soft
        if self._coarse is not None:
            enlarged = F.interpolate(
                self._coarse.float(), (GRID, GRID), mode="bilinear", align_corners=True
            )
            coarse_labels, coarse_soft = _losses(enlarged, batch)
            loss = loss + COARSE_SHARE * (0.1 * coarse_labels + 0.9 * coarse_soft)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), CLIP)
        self.optimizer.step()
        self.steps += 1
        self._follow(min(EMA, (self.steps + 1) / (self.steps + 10)))
        return labels.item(), soft.item()

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        now = self.module.state_dict()
        torch._foreach_lerp_(
            [*self.average.values()], [now[key] for key in self.average], 1 - decay
        )

    def save(self, out: Path) -> None:
        """Writes the average, and what a later run goes on from."""
        state = {
            "module": self.module.state_dict(), "optimizer": self.optimizer.state_dict(),
            "average": self.average, "steps": self.steps, "seconds": self.seconds,
        }  # fmt: skip
        for content, path in ((self.average, out), (state, out.with_suffix(".state"))):
            part = path.with_suffix(".part")
            torch.save(content, part)
            part.replace(path)

    def resume(self, out: Path) -> None:
        """Goes on where a run was stopped."""
        path = out.with_suffix(".state")
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.module.load_state_dict(state["module"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.average, self.steps = state["average"], state["steps"]
            self.seconds = state["seconds"]


def _losses(logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    known = (batch.labels != VOID).any()
    labels = F.cross_entropy(logits, batch.labels, ignore_index=VOID) if known else logits.sum() * 0
    inside = batch.inside.float()
    divergence = (batch.soft * ((batch.soft + 1e-8).log() - logits.log_softmax(1))).sum(1)
    return labels, (divergence * inside).sum() / inside.sum()


def train(student: Student, crops: Crops, minutes: float, out: Path) -> None:
    """Trains until the minutes that were worked are over."""
    ready: queue.Queue[Batch] = queue.Queue(4)

    def prepare() -> None:
        while True:
            ready.put(crops.batch())

    threading.Thread(target=prepare, daemon=True).start()
    losses = []
    while (progress := student.seconds / (minutes * 60)) < 1:
        start = time.monotonic()
        losses.append(student.step(ready.get(), progress))
        student.seconds += min(LONGEST_STEP, time.monotonic() - start)
        if student.steps % 50 == 0:
            labels, soft = np.mean(losses[-50:], 0)
            print(f"step {student.steps}, {student.seconds / 60:.1f} min: labels {labels:.3f}, "
                  f"soft labels {soft:.3f}", flush=True)  # fmt: skip
        if student.steps % SAVED_EVERY == 0:
            student.save(out)
    student.save(out)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--dataset", choices=tuple(NEW), required=True)
    parser.add_argument("--soft-labels", type=Path, required=True)
    parser.add_argument(
        "--init", type=Path, help="Google's file, or one of ours; else the built-in"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--encoder-rate", type=float, default=1.5e-5)
    parser.add_argument("--head-rate", type=float, default=6e-5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for seed in (torch.manual_seed, random.seed):
        seed(arguments.seed)
    dataset = arguments.dataset
    wanted = data.known(data.photographs(arguments.shards, dataset), arguments.soft_labels)
    student = Student(dataset, (arguments.encoder_rate, arguments.head_rate), arguments.init)
    student.resume(arguments.out)
    train(student, Crops(wanted, arguments.soft_labels, dataset), arguments.minutes, arguments.out)


if __name__ == "__main__":
    main()
