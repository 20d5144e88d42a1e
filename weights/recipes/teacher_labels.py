"""Stores a teacher's soft labels of photographs, for distill.py.

The teacher is Google's DeepLabV3+ MobileNetV2 for ADE20K (Apache-2.0; 32.04 mIoU published) as a
PyTorch state dict, with the file that defines its module. Each photograph is seen once, its long
side at 513; the eight likeliest of the 150 classes are kept for each cell at stride 4.

    python weights/recipes/teacher_labels.py PHOTOS.. --module FILE.py --weights FILE.pt --out DIR
"""

import argparse
import importlib.util
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

LONG_SIDE = 513
KEPT = 8


def load_teacher(module_file: Path, weights_file: Path) -> nn.Module:
    """Builds the teacher: 151 outputs, of which output 0 means "other"."""
    spec = importlib.util.spec_from_file_location("teacher", module_file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{module_file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    teacher: nn.Module = module.DeepLabMNV2(151, decoder=True)
    teacher.load_state_dict(torch.load(weights_file, weights_only=True))
    return teacher.eval().to(memory_format=torch.channels_last)


@torch.inference_mode()
def soft_labels(teacher: nn.Module, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns classes, uint8, and log-probabilities, float16, (KEPT, h, w) each."""
    picture = Image.open(path).convert("RGB")
    scale = LONG_SIDE / max(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    resized = np.array(picture.resize(size, Image.Resampling.BICUBIC))
    x = torch.from_numpy(resized).permute(2, 0, 1)[None].float() / 127.5 - 1
    logits = teacher(x.contiguous(memory_format=torch.channels_last), upsample=False)[0, 1:]
    values, classes = F.log_softmax(logits, 0).topk(KEPT, 0)
    return classes.to(torch.uint8).numpy(), values.half().numpy()


def main() -> None:
    """Reads the command line and labels every photograph that has no labels yet."""
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="+", type=Path, help="folders of .webp photographs")
    parser.add_argument("--module", required=True, type=Path)
    parser.add_argument("--weights", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    teacher = load_teacher(args.module, args.weights)
    for path in sorted(p for folder in args.photos for p in folder.glob("*.webp")):
        target = args.out / f"{path.stem}.npz"
        if not target.exists():
            classes, values = soft_labels(teacher, path)
            np.savez(target, k=classes, v=values)


if __name__ == "__main__":
    main()
