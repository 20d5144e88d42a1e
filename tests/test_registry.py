import ast
import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from easyseg import registry
from easyseg.errors import InputError

BUILT_IN = [
    "deeplabv3plus_mobilenet_v2_tensorflow.voc",
    "deeplabv3plus_mobilenet_v2_tensorflow.ade20k",
]


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


def test_every_file_with_records_is_named():
    """A model is one file and one line: a file that has no line would be there for nobody."""
    folder = Path(registry.__file__).parent / "models"
    holding = {
        f"easyseg.models.{path.stem}:WEIGHTS"
        for path in folder.glob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "WEIGHTS"
    }
    assert holding == set(registry.MODELS)
    assert len(registry.MODELS) == len(holding)


def test_the_order_is_the_same_whatever_is_imported_first():
    code = "import easyseg.models.upernet, easyseg.registry as r; print(*r.names())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == registry.names()


def test_many_threads_may_ask_first():
    code = """if True:
        from concurrent.futures import ThreadPoolExecutor
        from easyseg import registry
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: registry.names(), range(8)))
        print(all(names == found[0] for names in found), len(found[0]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", str(len(registry.names()))]
