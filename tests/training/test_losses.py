import math

import pytest
import torch
from torch.nn import functional as F

from easyseg.training.losses import cross_entropy, dice, distillation


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)


@pytest.fixture
def labels() -> torch.Tensor:
    drawn = torch.randint(0, 4, (2, 3, 5), generator=torch.Generator().manual_seed(1))
    drawn[0, 0] = 255
    return drawn


class TestCrossEntropy:
    def test_void_does_not_count(self, logits: torch.Tensor, labels: torch.Tensor):
        expected = F.cross_entropy(logits, labels, ignore_index=255)
        torch.testing.assert_close(cross_entropy(logits, labels), expected)

    def test_the_hardest_pixels(self):
        # The probabilities of the right class are 1/2, 1/4, 1/5 and 1/10.
        right = torch.tensor([[[[0.0, -math.log(3), -math.log(4), -math.log(9)]]]])
        logits = torch.cat([right, torch.zeros_like(right)], 1)
        labels = torch.zeros(1, 1, 4, dtype=torch.int64)
        expected = (math.log(10) + math.log(5)) / 2
        assert float(cross_entropy(logits, labels, 0.5)) == pytest.approx(expected)
        assert float(cross_entropy(logits, labels, 0.01)) == pytest.approx(math.log(10))

    @pytest.mark.parametrize("keep", [1.0, 0.3])
    def test_nothing_counts(self, logits: torch.Tensor, labels: torch.Tensor, keep: float):
        loss = cross_entropy(logits, torch.full_like(labels, 255), keep)
        loss.backward()
        assert float(loss.detach()) == 0
        assert not logits.grad.any()


class TestDice:
    def test_by_hand(self):
        # Two pixels of class 0 with probability 0.75 and 0.5, one of class 1 with 0.5.
        first = torch.tensor([[[0.75, 0.5, 0.5, 0.9]]])
        logits = torch.stack([first, 1 - first], 1).log()
        labels = torch.tensor([[[0, 0, 1, 255]]])
        expected = 1 - (2 * 1.25 / (1.75 + 2) + 2 * 0.5 / (1.25 + 1)) / 2
        assert float(dice(logits, labels)) == pytest.approx(expected)

    def test_perfect_and_absent_classes(self):
        labels = torch.tensor([[[0, 2, 255]]])
        logits = F.one_hot(torch.tensor([[[0, 2, 1]]]), 4).movedim(-1, 1) * 100.0
        assert float(dice(logits, labels)) == pytest.approx(0, abs=1e-6)

    def test_nothing_counts(self, logits: torch.Tensor, labels: torch.Tensor):
        assert float(dice(logits.detach(), torch.full_like(labels, 255))) == 0

    def test_it_has_a_gradient(self, logits: torch.Tensor, labels: torch.Tensor):
        dice(logits, labels).backward()
        assert logits.grad.abs().sum() > 0
        assert not logits.grad[0, :, 0].any()


class TestDistillation:
    def test_by_hand(self, logits: torch.Tensor):
        teacher = logits.detach().roll(1, 1)
        inside = torch.ones(2, 3, 5, dtype=torch.bool)
        inside[1] = False
        p, q = teacher[0].softmax(0), logits[0].softmax(0)
        expected = (p * (p / q).log()).sum(0).mean()
        torch.testing.assert_close(distillation(logits, teacher, inside), expected)

    def test_temperature(self, logits: torch.Tensor):
        teacher = logits.detach().roll(1, 1)
        inside = torch.ones(2, 3, 5, dtype=torch.bool)
        p, q = (teacher / 3).softmax(1), (logits / 3).softmax(1)
        expected = 9 * (p * (p / q).log()).sum(1).mean()
        torch.testing.assert_close(distillation(logits, teacher, inside, 3.0), expected)

    def test_agreement_costs_nothing(self, logits: torch.Tensor):
        inside = torch.ones(2, 3, 5, dtype=torch.bool)
        own = logits.detach()
        assert float(distillation(own, own + 7, inside)) == pytest.approx(0, abs=1e-6)
        assert float(distillation(own, own.roll(1, 1), ~inside)) == 0
