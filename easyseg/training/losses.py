"""What the network is punished for."""

import torch
from torch.nn import functional as F

from easyseg.datasets.base import VOID


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, keep: float = 1.0) -> torch.Tensor:
    """Cross-entropy over the pixels that have a class.

    With `keep` below 1 only the hardest pixels count (online hard example mining, Shrivastava et
    al., 2016, https://arxiv.org/abs/1604.03540).

    Args:
        logits: (N, C, h, w), float.
        labels: (N, h, w), int64; 255 does not count.
        keep: Share of the pixels that count, more than 0 to 1.

    Returns:
        Their mean; 0, with a gradient of 0, where no pixel counts.
    """
    every = F.cross_entropy(logits.float(), labels, ignore_index=VOID, reduction="none")
    valid = labels != VOID
    if keep >= 1:
        return every.sum() / valid.sum().clamp(min=1)
    hardest = every[valid]
    if not hardest.numel():
        return every.sum()
    return hardest.topk(max(1, round(keep * hardest.numel()))).values.mean()


def dice(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """One minus the Dice coefficient, mean over the classes that the labels hold.

    Milletari et al., 2016, https://arxiv.org/abs/1606.04797, with sums over the whole batch.

    Args:
        logits: (N, C, h, w), float.
        labels: (N, h, w), int64; 255 does not count.

    Returns:
        A number from 0 to 1; 0 where no pixel counts.
    """
    valid = labels != VOID
    probability = logits.float().softmax(1)
    classes = labels[valid]
    of_truth = probability.gather(1, labels.where(valid, 0)[:, None])[:, 0][valid]
    common = probability.new_zeros(logits.shape[1]).index_add(0, classes, of_truth)
    pixels = torch.bincount(classes, minlength=logits.shape[1])
    claimed = (probability * valid[:, None]).sum((0, 2, 3))
    coefficient = 2 * common / (claimed + pixels).clamp(min=1e-6)
    present = pixels > 0
    return (present * (1 - coefficient)).sum() / present.sum().clamp(min=1)


def distillation(
    logits: torch.Tensor, teacher: torch.Tensor, inside: torch.Tensor, temperature: float = 1.0
) -> torch.Tensor:
    """Kullback-Leibler divergence of the student's answer from the teacher's.

    Hinton et al., 2015, https://arxiv.org/abs/1503.02531: both are softened by the temperature, and
    its square keeps the gradient's size.

    Args:
        logits: The student's, (N, C, h, w), float.
        teacher: The teacher's logits, (N, C, h, w), float.
        inside: (N, h, w), bool: the pixels that count.
        temperature: Above 0.

    Returns:
        Mean over the pixels that count; 0 where there are none.
    """
    own = F.log_softmax(logits.float() / temperature, 1)
    wanted = F.log_softmax(teacher.float() / temperature, 1)
    every = F.kl_div(own, wanted, reduction="none", log_target=True).sum(1)
    return (every * inside).sum() / inside.sum().clamp(min=1) * temperature**2
