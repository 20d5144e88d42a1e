"""Measures a distilled ADE20K model on the photographs that train.py holds out.

Its agreement with the teacher, on the teacher's own grid, and on the labelled pixels of the
held-out ADE20K photographs (masks number 0 = not labelled, n = class n - 1) the accuracy of both.

    python weights/recipes/measure.py PHOTOS.. --labels DIR --masks DIR --model MODEL
"""

import argparse
from pathlib import Path

import numpy as np
from photographs import held_out

import easyseg
from easyseg._types import LabelMap
from easyseg.pictures.masks import read_labels

PARTLY_LABELLED = "adei-"


def on_grid(labels: LabelMap, shape: tuple[int, ...]) -> LabelMap:
    """Labels at the cells of a grid whose corners lie on the photograph's corners."""
    rows, columns = (
        np.rint(np.linspace(0, size - 1, cells)).astype(int)
        for size, cells in zip(labels.shape, shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]


def main() -> None:
    """Reads the command line and prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--labels", required=True, type=Path, help="the teacher's NAME.npz")
    parser.add_argument("--masks", required=True, type=Path, help="folder of NAME.png")
    parser.add_argument("--model", default="builtin")
    args = parser.parse_args()
    segmenter = easyseg.Segmenter(args.model, dataset="ade20k")
    paths = sorted(p for folder in args.photos for p in folder.glob("*.webp") if held_out(p.stem))
    agree = cells = right_student = right_teacher = labelled = 0
    for path in paths:
        with np.load(args.labels / f"{path.stem}.npz") as stored:
            teacher = stored["k"][0]
        student = segmenter(path).labels
        small = on_grid(student, teacher.shape)
        agree, cells = agree + int((small == teacher).sum()), cells + teacher.size
        if path.stem.startswith(PARTLY_LABELLED):
            truth = on_grid(read_labels(args.masks / f"{path.stem}.png"), teacher.shape)
            known = truth > 0
            labelled += int(known.sum())
            right_student += int((small == truth - 1)[known].sum())
            right_teacher += int((teacher == truth - 1)[known].sum())
    print(f"{len(paths)} held-out photographs: agreement {agree / cells:.4f}")
    print(f"labelled pixels of {PARTLY_LABELLED}: student {right_student / labelled:.4f}, ", end="")
    print(f"teacher {right_teacher / labelled:.4f}")


if __name__ == "__main__":
    main()
