import copy
import itertools

import pytest
import torch
from torch import nn

from easyseg import registry
from easyseg.engine.fuse import fold_batch_norm
from easyseg.engine.heads import merge_heads
from tests.models.test_contract import built


@pytest.mark.parametrize(
    ("name", "merges"),
    [
        ("segformer_b0.ade20k", True),
        ("segformer_b0.ade20k_openmmlab", False),
        ("efficientvit_seg_b1.ade20k", False),
    ],
)
def test_the_answer_stays(name: str, merges: bool):
    module = built(registry.get(name), 7)
    merged = merge_heads(fold_batch_norm(copy.deepcopy(module)))
    levels = sum(isinstance(part, nn.Conv2d) for part in merged.head.modules())
    before = sum(isinstance(part, nn.Conv2d) for part in module.head.modules())
    assert levels == before - merges  # the mixing is gone
    generator = torch.Generator().manual_seed(0)
    for height, width in itertools.product((1, 33, 64), (40, 65)):
        x = torch.randn(1, 3, height, width, generator=generator)
        with torch.inference_mode():
            torch.testing.assert_close(merged(x), module(x), rtol=1e-4, atol=1e-4)


def test_the_product_needs_no_folded_normalisation():
    module = built(registry.get("segformer_b0.ade20k"), 7)
    merged = merge_heads(copy.deepcopy(module)).eval()
    assert not merged.training
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(merged(x), module(x), rtol=1e-4, atol=1e-4)
