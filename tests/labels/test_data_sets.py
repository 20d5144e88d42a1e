import json
from pathlib import Path

import numpy as np
import pytest

from easyseg import labels
from easyseg.errors import InputError
from easyseg.labels import ADE20K, PASCAL_VOC, LabelSet
from easyseg.labels._check import simplify
from easyseg.labels.label_set import voc_colormap

BOTH = pytest.mark.parametrize("label_set", [ADE20K, PASCAL_VOC], ids=lambda one: one.name)

PIXELLIB_SHORT = {
    "chest": "chest of drawers",
    "pool": "pool table",
    "screen_door": "screen door",
    "coffee": "coffee table",
    "kitchen": "kitchen island",
    "swivel": "swivel chair",
    "arcade": "arcade machine",
    "television": "television receiver",
    "dirt": "dirt track",
    "conveyer": "conveyer belt",
    "swimming": "swimming pool",
    "trade": "trade name",
    "screen_projection": "screen",
    "traffic": "traffic light",
    "crt": "crt screen",
    "bulletin": "bulletin board",
}
"""Where PixelLib's name of a class is not its full name."""


def test_ade20k() -> None:
    assert (ADE20K.name, ADE20K.title, len(ADE20K)) == ("ade20k", "ADE20K", 150)
    assert (ADE20K.background, ADE20K.void) == (None, 255)
    known = {0: "wall", 7: "bed", 12: "person", 44: "chest of drawers", 149: "flag"}
    assert {class_id: ADE20K.names[class_id] for class_id in known} == known
    assert ADE20K.color(0) == (120, 120, 120)
    assert ADE20K.color(12) == (150, 5, 61)
    assert ADE20K.color(149) == (92, 0, 255)


def test_pascal_voc() -> None:
    assert (PASCAL_VOC.name, PASCAL_VOC.title, len(PASCAL_VOC)) == ("voc", "PASCAL VOC", 21)
    assert (PASCAL_VOC.background, PASCAL_VOC.void) == (0, 255)
    known = {0: "background", 11: "diningtable", 15: "person", 20: "tvmonitor"}
    assert {class_id: PASCAL_VOC.names[class_id] for class_id in known} == known
    assert PASCAL_VOC.short_names == PASCAL_VOC.names
    np.testing.assert_array_equal(PASCAL_VOC.palette, voc_colormap(21))


@BOTH
def test_every_class_is_found_by_its_names(label_set: LabelSet) -> None:
    for class_id, (name, short) in enumerate(
        zip(label_set.names, label_set.short_names, strict=True)
    ):
        assert label_set.find(name) == label_set.find(name.upper().replace(" ", "-")) == class_id
        assert label_set.find(short) == class_id


@BOTH
def test_no_name_is_listed_twice_for_a_class(label_set: LabelSet) -> None:
    for name, synonyms in zip(label_set.names, label_set.synonyms, strict=True):
        assert len({name, *synonyms}) == 1 + len(synonyms)


def ambiguous(label_set: LabelSet) -> dict[str, set[int]]:
    """Names of more than one class, with the ids of those classes."""
    owners: dict[str, set[int]] = {}
    for class_id in range(len(label_set)):
        name, short = label_set.names[class_id], label_set.short_names[class_id]
        for spelling in (name, *label_set.synonyms[class_id], short):
            owners.setdefault(simplify(spelling), set()).add(class_id)
    return {name: ids for name, ids in owners.items() if len(ids) > 1}


def test_ambiguous_names_are_all_decided() -> None:
    meant = {name: ADE20K.names[ADE20K.find(name)] for name in ambiguous(ADE20K)}
    assert meant == {
        "ground": "earth",  # more frequent than "land"
        "counter": "counter",  # the others give way to a class of that very name
        "screen": "screen",
        "pot": "pot",
        "stool": "stool",
    }
    assert ambiguous(PASCAL_VOC) == {}


def test_pixellib_names() -> None:
    differ = {
        short: name
        for short, name in zip(ADE20K.short_names, ADE20K.names, strict=True)
        if short != name
    }
    assert differ == PIXELLIB_SHORT
    assert len(set(ADE20K.short_names)) == 150


@pytest.mark.parametrize(
    ("everyday", "ade20k", "voc"),
    [
        ("couch", "sofa", "sofa"),
        ("TV", "television receiver", "tvmonitor"),
        ("television", "television receiver", "tvmonitor"),
        ("monitor", "monitor", "tvmonitor"),
        ("plane", "airplane", "aeroplane"),
        ("airplane", "airplane", "aeroplane"),
        ("bike", "bicycle", "bicycle"),
        ("motorcycle", "minibike", "motorbike"),
        ("motorbike", "minibike", "motorbike"),
        ("table", "table", "diningtable"),
        ("potted plant", "plant", "pottedplant"),
        ("plant", "plant", "pottedplant"),
        ("people", "person", "person"),
        ("human", "person", "person"),
        ("automobile", "car", "car"),
    ],
)
def test_everyday_names(everyday: str, ade20k: str, voc: str) -> None:
    assert ADE20K.names[ADE20K.find(everyday)] == ade20k
    assert PASCAL_VOC.names[PASCAL_VOC.find(everyday)] == voc


@pytest.mark.parametrize(
    ("everyday", "name"),
    [
        ("fridge", "refrigerator"),
        ("picture", "painting"),
        ("window", "windowpane"),
        ("double door", "door"),
        ("trash can", "ashcan"),
        ("ash-bin", "ashcan"),
        ("street lamp", "streetlight"),
        ("street light", "streetlight"),
        ("information processing system", "computer"),
        ("double decker", "bus"),
    ],
)
def test_synonyms_of_ade20k(everyday: str, name: str) -> None:
    assert ADE20K.names[ADE20K.find(everyday)] == name


def test_dining_table_and_torchvisions_background() -> None:
    assert PASCAL_VOC.find("dining table") == 11
    assert PASCAL_VOC.find("__background__") == 0


@pytest.mark.parametrize(
    "name", ["ade20k", "ADE20K", "ade", " Ade ", "ade-20k"], ids=lambda name: repr(name)
)
def test_get_ade20k(name: str) -> None:
    assert labels.get(name) is ADE20K


@pytest.mark.parametrize("name", ["voc", "VOC", "pascalvoc", "pascal_voc", "PASCAL VOC", "voc2012"])
def test_get_pascal_voc(name: str) -> None:
    assert labels.get(name) is PASCAL_VOC


def test_get_gives_a_label_set_back() -> None:
    own = LabelSet.from_names("own", ["a"])
    assert labels.get(own) is own


@BOTH
def test_get_knows_name_and_title(label_set: LabelSet) -> None:
    assert labels.get(label_set.name) is labels.get(label_set.title) is label_set


@pytest.mark.parametrize("name", ["coco", "", None, 5])
def test_get_lists_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match="known are ade20k, ade, voc"):
        labels.get(name)


@pytest.mark.shared
def test_reference_tables(shared: Path) -> None:
    tables = json.loads((shared / "reference" / "classes.json").read_text(encoding="utf-8"))
    ade20k, voc = tables["ade20k_150"], tables["voc_21"]

    assert list(ADE20K.names) == [name.strip() for name in ade20k["names"]]
    np.testing.assert_array_equal(ADE20K.palette, ade20k["palette_rgb"])
    assert list(PASCAL_VOC.names) == voc["names_mmseg"]
    np.testing.assert_array_equal(PASCAL_VOC.palette, voc["palette_rgb"])
    # That table has lost which words belong together: only the words can be compared.
    for class_id, flat in enumerate(ade20k["csail_names"]):
        words = " ".join((ADE20K.names[class_id], *ADE20K.synonyms[class_id])).split()
        assert set(flat.split(";")) <= set(words)
