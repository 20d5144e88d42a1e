"""Distils a DeepLabV3+ EfficientNet-Lite student from a teacher's stored soft labels, on a CPU.

The teacher's answer is stored once per photograph as `NAME.npz`: `k`, uint8 (K, h, w), the K most
likely classes of each cell, and `v`, float16 (K, h, w), their log-probabilities; the grid's corners
lie on the photograph's corners. Training then needs the student only. State is saved every few
minutes, and the same command goes on from there.

    python weights/recipes/distill.py PHOTOS.. --labels FOLDER --init FILE.pt --out FOLDER
"""

import argparse
import math
import random
import time
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from easyseg.models.deeplabv3plus import DeepLabV3Plus

STRIDE = 4


def held_out(path: Path) -> bool:
    """A tenth of the scene photographs, chosen by name, is kept for measuring."""
    scene = path.stem.split("-")[0] in {"adei", "lmf", "stb", "cam", "c128", "cst", "hum"}
    return scene and zlib.crc32(path.stem.encode()) % 10 == 0


def load_example(path: Path, labels: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the photograph, the teacher's classes and probabilities (cells last)."""
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    with np.load(labels / f"{path.stem}.npz") as stored:
        classes, log_probability = stored["k"], stored["v"]
    order = np.ascontiguousarray
    return image, order(classes.transpose(1, 2, 0)), order(log_probability.transpose(1, 2, 0))


def jitter(image: np.ndarray, rng: random.Random) -> np.ndarray:
    """Changes brightness, contrast, saturation and colour balance a little."""
    out = image.astype(np.float32)
    if rng.random() < 0.8:
        grey = out.mean(2, keepdims=True)
        out = grey + (out - grey) * rng.uniform(0.6, 1.4)
        gain = np.array([rng.uniform(0.92, 1.08) for _ in range(3)], np.float32)
        out = (out - 127) * rng.uniform(0.7, 1.3) * gain + 127 + rng.uniform(-25, 25)
    return np.clip(out, 0, 255)


def augment(
    example: tuple[np.ndarray, np.ndarray, np.ndarray], crop: int, rng: random.Random
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scales, crops, flips and colours one photograph; the teacher's cells follow.

    Returns:
        Normalised crop (3, crop, crop), classes and probabilities (K, crop / 4, crop / 4).
        Cells outside the photograph have probability 0.
    """
    image, classes, log_probability = example
    height, width = image.shape[:2]
    scale = 512 / max(height, width) * math.exp(rng.uniform(math.log(0.45), math.log(1.4)))
    extent = crop / scale
    left = rng.uniform(min(0, width - extent), max(0, width - extent))
    top = rng.uniform(min(0, height - extent), max(0, height - extent))
    flip = rng.random() < 0.5
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float64)
    if flip:
        matrix[0] = [-scale, 0, crop - 1 + left * scale]
    picture = cv2.warpAffine(
        image, matrix, (crop, crop), flags=cv2.INTER_LINEAR, borderValue=(127, 127, 127)
    )
    centre = np.arange(crop // STRIDE) * STRIDE + (STRIDE - 1) / 2
    columns = (crop - 1 - centre if flip else centre) / scale + left
    rows = centre / scale + top
    grid_rows = np.rint(rows / (height - 1) * (classes.shape[0] - 1)).astype(int)
    grid_columns = np.rint(columns / (width - 1) * (classes.shape[1] - 1)).astype(int)
    inside = np.outer(
        (grid_rows >= 0) & (grid_rows < classes.shape[0]),
        (grid_columns >= 0) & (grid_columns < classes.shape[1]),
    )
    cell = np.ix_(
        grid_rows.clip(0, classes.shape[0] - 1), grid_columns.clip(0, classes.shape[1] - 1)
    )
    probability = np.exp(log_probability[cell].astype(np.float32))
    probability /= probability.sum(-1, keepdims=True)
    probability *= inside[..., None]
    normalised = (jitter(picture, rng) - 127) / 128
    return (
        normalised.transpose(2, 0, 1),
        classes[cell].transpose(2, 0, 1),
        probability.transpose(2, 0, 1),
    )


def soft_cross_entropy(
    logits: torch.Tensor, classes: torch.Tensor, probability: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy against the teacher's K likeliest classes, mean over the cells inside."""
    log_q = F.log_softmax(logits, 1).gather(1, classes)
    return -(probability * log_q).sum() / probability.sum().clamp(min=1)


@torch.no_grad()
def agreement(model: nn.Module, examples: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float:
    """Share of the teacher's cells where the student says the same, long side 512."""
    model.eval()
    same = total = 0
    for image, classes, _ in examples:
        scale = 512 / max(image.shape[:2])
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        x = (cv2.resize(image, size).astype(np.float32) - 127) / 128
        logits = model(torch.from_numpy(x.transpose(2, 0, 1).copy())[None])
        logits = F.interpolate(logits, size=(size[1], size[0]), mode="bilinear")
        rows = np.rint(np.linspace(0, size[1] - 1, classes.shape[0])).astype(int)
        columns = np.rint(np.linspace(0, size[0] - 1, classes.shape[1])).astype(int)
        answer = logits.argmax(1)[0].numpy()[np.ix_(rows, columns)]
        same += int((answer == classes[..., 0]).sum())
        total += answer.size
    model.train()
    return same / total


class Trainer:
    """The student, its optimiser, its averaged copy, and their state on disk."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.out = Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.model = DeepLabV3Plus(args.classes)
        initial = torch.load(args.init, weights_only=True)
        own = self.model.state_dict()
        fitting = {k: v.float() for k, v in initial.items() if own[k].shape == v.shape}
        self.model.load_state_dict({**own, **fitting})
        self.model.to(memory_format=torch.channels_last)
        self.frozen = nn.ModuleList(
            [self.model.encoder.stem, *self.model.encoder.blocks[: args.freeze]]
            if args.freeze
            else []
        ).requires_grad_(False)
        self.average = DeepLabV3Plus(args.classes)
        self.average.load_state_dict(self.model.state_dict())
        known = {id(p) for p in self.model.encoder.parameters()}
        encoder = [p for p in self.model.encoder.parameters() if p.requires_grad]
        head = [p for p in self.model.parameters() if id(p) not in known]
        groups = [
            {"params": encoder, "peak": args.learning_rate / 3},
            {"params": head, "peak": args.learning_rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=0.01)
        self.step, self.elapsed = 0, 0.0
        self.history: list[dict[str, Any]] = []
        self.state_file = self.out / "state.pt"
        if self.state_file.exists():
            self.load()

    def load(self) -> None:
        """Goes on from the state on disk."""
        state = torch.load(self.state_file, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        self.history = state["history"]

    def save(self) -> None:
        """Writes the state beside the last one, then puts it in its place."""
        part = self.state_file.with_suffix(".part")
        torch.save(
            {
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "elapsed": self.elapsed,
                "history": self.history,
            },
            part,
        )
        part.replace(self.state_file)

    def start_training(self) -> None:
        """Sets the training mode; what is frozen keeps its statistics too."""
        self.model.train()
        self.frozen.eval()

    def train_step(self, batch: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float:
        """One step of the optimiser and of the average; returns the loss."""
        x, classes, probability = (np.stack(part) for part in zip(*batch, strict=True))
        progress = min(1.0, self.elapsed / (self.args.minutes * 60))
        factor = min(1.0, (self.step + 1) / 100) * (0.5 * (1 + math.cos(math.pi * progress)) + 0.01)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        pictures = torch.from_numpy(x.astype(np.float32)).to(memory_format=torch.channels_last)
        loss = soft_cross_entropy(
            self.model(pictures),
            torch.from_numpy(classes.astype(np.int64)),
            torch.from_numpy(probability.astype(np.float32)),
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        decay = min(0.998, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            own = self.model.state_dict()
            for key, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(own[key], 1 - decay)
                else:
                    value.copy_(own[key])
        return float(loss.detach())

    def run(self, paths: list[Path]) -> None:
        """Trains until the minutes are used up."""
        args = self.args
        rng = random.Random(args.seed + self.step)
        labels = Path(args.labels)
        kept = [load_example(p, labels) for p in sorted(paths) if held_out(p)][: args.measure]
        scenes, others = [], []
        for path in sorted(paths):
            if not held_out(path):
                name = path.stem.split("-")
                (scenes if len(name) > 1 else others).append(load_example(path, labels))
        print(f"{len(scenes)} scenes, {len(others)} others, {len(kept)} held out", flush=True)
        last_save, losses = time.monotonic(), []
        self.start_training()
        while self.elapsed < args.minutes * 60:
            start = time.monotonic()
            pool = [scenes if rng.random() < args.scenes else others for _ in range(args.batch)]
            batch = [augment(rng.choice(part), args.crop, rng) for part in pool]
            losses.append(self.train_step(batch))
            self.elapsed += time.monotonic() - start
            if time.monotonic() - last_save > args.save_every or self.step == 20:
                row = {
                    "step": self.step,
                    "minutes": self.elapsed / 60,
                    "loss": np.mean(losses[-200:]),
                }
                row["agreement"] = agreement(self.average, kept)
                row = {key: round(float(value), 4) for key, value in row.items()}
                self.history.append(row)
                print(row, flush=True)
                self.save()
                last_save = time.monotonic()
        self.save()
        half = {
            k: v.half() if v.is_floating_point() else v
            for k, v in self.average.state_dict().items()
        }
        torch.save(half, self.out / "student.pt")
        print(f"agreement {agreement(self.average, kept):.4f}", flush=True)


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", nargs="+", help="folders of photographs")
    parser.add_argument("--labels", required=True, help="folder of the teacher's NAME.npz")
    parser.add_argument("--init", required=True, help="state dict to start from")
    parser.add_argument("--out", required=True, help="folder of the state and of student.pt")
    parser.add_argument("--classes", type=int, default=150)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--crop", type=int, default=320)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--freeze", type=int, default=0, help="encoder blocks not trained")
    parser.add_argument("--scenes", type=float, default=0.6, help="share of scene photographs")
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--save-every", type=float, default=300, help="seconds")
    parser.add_argument("--measure", type=int, default=60, help="held-out photographs")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(args.seed)
    paths = [p for folder in args.photos for p in Path(folder).glob("*.webp")]
    Trainer(args).run(paths)


if __name__ == "__main__":
    main()
