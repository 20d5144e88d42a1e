from torch import nn

from easyseg.engine.fuse import fold_batch_norm


def test_what_does_not_belong_together_is_left_alone():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4), nn.BatchNorm2d(4))
    fold_batch_norm(module.eval())
    assert isinstance(module[2], nn.BatchNorm2d)
    assert isinstance(module[3], nn.BatchNorm2d)
