"""Rewrites of a network that leave its answer the same and make it faster."""

import itertools
from typing import cast

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """Folds each batch normalisation into the convolution right before it, in place.

    Two children are taken for "right before" when they follow each other in the order in which
    their parent registered them, which is the order of use in every network of this library: the
    contract test compares the answers before and after.

    Args:
        module: A network in evaluation mode.

    Returns:
        The same network; each folded normalisation has become an identity.
    """
    for parent in module.modules():
        children = list(parent.named_children())
        for (first_name, first), (second_name, second) in itertools.pairwise(children):
            if not isinstance(first, nn.Conv2d) or not isinstance(second, nn.BatchNorm2d):
                continue
            if first.out_channels == second.num_features and second.track_running_stats:
                setattr(parent, first_name, cast(nn.Module, fuse_conv_bn_eval(first, second)))
                setattr(parent, second_name, nn.Identity())
    return module
