import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from easyseg.models.enlarged import convolve_enlarged, mix_levels
from easyseg.models.layers import ConvNorm

sides = st.integers(1, 9)


def plain(x, weight, size, align_corners):
    enlarged = F.interpolate(x, size, mode="bilinear", align_corners=align_corners)
    return F.conv2d(enlarged, weight, padding=1)


@settings(deadline=None, max_examples=60)
@given(sides, sides, sides, sides, st.integers(1, 2), st.booleans())
def test_the_same_as_enlarging_first(height, width, more_rows, more_columns, number, corners):
    generator = torch.Generator().manual_seed(height * 1000 + width)
    x = torch.randn(number, 5, height, width, generator=generator)
    weight = torch.randn(4, 5, 3, 3, generator=generator)
    size = (height * more_rows // 2 + 1, width + more_columns - 1)  # shrinking, too
    out = convolve_enlarged(x, weight, size, align_corners=corners)
    torch.testing.assert_close(out, plain(x, weight, size, corners), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_types_and_layouts(dtype):
    x = torch.rand(2, 3, 4, 6, dtype=dtype).to(memory_format=torch.channels_last)
    weight = torch.rand(2, 3, 3, 3, dtype=dtype)
    out = convolve_enlarged(x, weight, (8, 12))
    assert out.dtype == dtype
    exact = plain(x.double(), weight.double(), (8, 12), False)
    torch.testing.assert_close(out.double(), exact, rtol=0.03, atol=0.03)


def test_gradients():
    x = torch.rand(1, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: convolve_enlarged(a, b, (4, 5)), (x, weight))


@pytest.mark.parametrize("coarse_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_levels_are_mixed_as_if_concatenated(coarse_first, bias):
    torch.manual_seed(0)
    fine = torch.randn(2, 3, 12, 10)
    coarse = [torch.randn(2, 4, 6, 5), torch.randn(2, 2, 1, 1), torch.randn(2, 1, 4, 3)]
    block = ConvNorm(10, 5, 3, bias=bias).eval()
    torch.nn.init.uniform_(block.norm.running_mean)
    enlarged = [F.interpolate(x, (12, 10), mode="bilinear") for x in coarse]
    parts = [*enlarged, fine] if coarse_first else [fine, *enlarged]
    with torch.inference_mode():
        mixed = mix_levels(block, fine, coarse, coarse_first=coarse_first)
        torch.testing.assert_close(mixed, block(torch.cat(parts, 1)), rtol=1e-4, atol=1e-4)
