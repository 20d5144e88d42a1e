import dataclasses

import pytest

from easyseg import registry
from easyseg.errors import InputError

BUILT_IN = ["deeplabv3plus_efficientnet_lite0.voc", "deeplabv3plus_efficientnet_lite0.ade20k"]


def test_names():
    assert set(BUILT_IN) <= set(registry.names())
    assert BUILT_IN[0] in registry.names("pascalvoc")
    assert BUILT_IN[1] not in registry.names("voc")


@pytest.mark.parametrize("tier", registry.TIERS)
@pytest.mark.parametrize("dataset", ["ade20k", "voc"])
def test_every_tier_is_there(tier, dataset):
    assert registry.resolve(tier, dataset).label_set == dataset


def test_ade20k_unless_told_otherwise():
    assert registry.resolve("fast").label_set == "ade20k"
    assert registry.resolve("BuiltIn ", "VOC").label_set == "voc"
    assert registry.resolve(BUILT_IN[0]).label_set == "voc"


@pytest.mark.parametrize(
    ("model", "dataset", "message"),
    [
        ("deeplabv3plus_efficientnet.voc", None, "did you mean"),
        ("balancd", None, "balanced"),
        (BUILT_IN[0], "ade20k", "leave dataset out"),
        ("fast", "cityscapes", "cityscapes"),
    ],
)
def test_unknown_names_are_said(model, dataset, message):
    with pytest.raises(InputError, match=message):
        registry.resolve(model, dataset)


def test_a_name_is_registered_once():
    with pytest.raises(InputError, match="taken"):
        registry.register(registry.get(BUILT_IN[0]))
    copy = dataclasses.replace(registry.get(BUILT_IN[0]), name="another")
    with pytest.raises(InputError, match="tiers"):
        registry.register(copy)
    assert "another" not in registry.names()
