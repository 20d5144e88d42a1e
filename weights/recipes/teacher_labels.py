"""Stores a teacher's soft labels of photographs, for train.py.

The teachers are Google's DeepLabV3 MobileNetV2 for PASCAL VOC (74.7 mIoU on 321 images of its val
list) and DeepLabV3+ MobileNetV2 for ADE20K (32.04 mIoU published), both Apache-2.0, as PyTorch
state dicts with the file that defines their module. Each photograph is seen once, by OpenVINO on
one thread. Its long side becomes 513; the short side is rounded to a multiple of 32, and 1, so that
few sizes have to be compiled. `NAME.npz` holds `k`, uint8 (K, h, w), the K likeliest classes of
each of the teacher's cells, and `v`, float16 (K, h, w), their log-probabilities; the grid's corners
lie on the photograph's corners.

    python weights/recipes/teacher_labels.py PHOTOS --dataset voc --module FILE.py \
        --weights FILE.pt --out DIR
"""

import argparse
import importlib.util
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import openvino
import torch
from torch import nn
from torch.nn import functional as F

LONG_SIDE = 513
KEPT = {"voc": 6, "ade20k": 8}


class Teacher(nn.Module):
    """The teacher, which answers on its own grid; ADE20K's output 0, "other", is left out."""

    def __init__(self, dataset: str, module_file: Path, weights_file: Path) -> None:
        super().__init__()
        spec = importlib.util.spec_from_file_location("teacher", module_file)
        if spec is None or spec.loader is None:
            raise SystemExit(f"{module_file} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.first = 1 if dataset == "ade20k" else 0
        self.network: nn.Module = (
            module.DeepLabMNV2(151, decoder=True) if self.first else module.DeepLabMNV2(21)
        )
        self.network.load_state_dict(torch.load(weights_file, weights_only=True))
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of RGB / 127.5 - 1."""
        logits: torch.Tensor = self.network(x, upsample=False)[:, self.first :]
        return logits

    def compiled(self, height: int, width: int) -> openvino.CompiledModel:
        """For one size."""
        model = openvino.convert_model(self, example_input=torch.zeros(1, 3, height, width))
        model.reshape([1, 3, height, width])
        return openvino.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1})


def seen_size(path: Path) -> tuple[int, int]:
    """Height and width at which a photograph is seen."""
    height, width = cv2.imread(str(path)).shape[:2]
    scale = LONG_SIDE / max(height, width)
    short = max(33, round((min(height, width) * scale - 1) / 32) * 32 + 1)
    return (LONG_SIDE, short) if height >= width else (short, LONG_SIDE)


def main() -> None:
    """Reads the command line and labels every photograph that has no labels yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, help="folder of .webp photographs")
    parser.add_argument("--dataset", required=True, choices=sorted(KEPT))
    parser.add_argument("--module", required=True, type=Path)
    parser.add_argument("--weights", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(args.dataset, args.module, args.weights)
    by_size = defaultdict(list)
    for path in sorted(args.photos.glob("*.webp")):
        if not (args.out / f"{path.stem}.npz").exists():
            by_size[seen_size(path)].append(path)
    for (height, width), paths in by_size.items():
        network = teacher.compiled(height, width)
        for path in paths:
            picture = cv2.resize(
                cv2.imread(str(path))[:, :, ::-1], (width, height), interpolation=cv2.INTER_CUBIC
            )
            x = picture.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1
            logits = torch.from_numpy(network(np.ascontiguousarray(x))[0])[0]
            values, classes = F.log_softmax(logits, 0).topk(KEPT[args.dataset], 0)
            part = args.out / f"{path.stem}.part.npz"
            np.savez(part, k=classes.to(torch.uint8).numpy(), v=values.half().numpy())
            part.replace(args.out / f"{path.stem}.npz")


if __name__ == "__main__":
    main()
