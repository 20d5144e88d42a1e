"""What is loaded when, and what the package shows."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import easyseg
from easyseg import errors

HEAVY = {"torch", "cv2", "numpy", "PIL", "requests", "tqdm"}

PUBLIC = {
    "DownloadError",
    "EasysegError",
    "EasysegWarning",
    "InputError",
    "LabelSet",
    "MediaError",
    "ModelError",
    "Segmentation",
    "Segmenter",
    "__version__",
    "alter_bg",
    "change_background",
    "change_background_camera",
    "change_background_video",
    "evaluate",
    "labels",
    "quantize",
    "segment",
    "segment_camera",
    "segment_large",
    "segment_video",
    "semantic",
    "semantic_segmentation",
    "stream",
    "train",
}


def loaded_after(code: str) -> set[str]:
    """Runs code in a new interpreter and gives the heavy modules that it has loaded."""
    script = f"import sys\n{code}\nprint('loaded', *sorted(sys.modules), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return HEAVY & set(done.stdout.rpartition("loaded\n")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import easyseg",
        "from easyseg import EasysegError; import easyseg.cli; dir(easyseg)",
        "from easyseg.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from easyseg.cli import main\ntry: main(['models', '--help'])\nexcept SystemExit: pass",
        "from easyseg.cli import main\ntry: main(['--version'])\nexcept SystemExit: pass",
        "from easyseg.cli import main\ntry: main(['a', '--alpha', '2'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str):
    assert loaded_after(code) == set()


def test_modules_are_there_after_importing_easyseg_alone():
    code = "import easyseg; print(len(easyseg.labels.ADE20K))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "150\n"


def test_what_is_loaded_is_seen():
    assert "numpy" in loaded_after("import easyseg; easyseg.LabelSet")


def test_importing_makes_no_file_and_no_folder(tmp_path: Path):
    environment = os.environ | {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "EASYSEG_HOME": str(tmp_path / "home"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    code = "import easyseg; [getattr(easyseg, name) for name in easyseg.__all__]"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_all_names_are_there_and_listed():
    assert set(easyseg.__all__) == PUBLIC
    assert set(dir(easyseg)) == PUBLIC
    for name in PUBLIC:
        assert getattr(easyseg, name) is not None


def test_every_error_is_exported():
    children = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert children <= PUBLIC


def test_names_are_those_of_their_homes():
    from easyseg.engine import Segmenter
    from easyseg.labels import PASCAL_VOC
    from easyseg.semantic import semantic_segmentation

    assert easyseg.Segmenter is Segmenter
    assert easyseg.semantic.semantic_segmentation is semantic_segmentation
    assert easyseg.labels.get("voc") is PASCAL_VOC
    assert easyseg.semantic_segmentation is semantic_segmentation
    assert "Segmenter" in vars(easyseg)  # looked up once only


def test_type_checkers_see_what_is_lazy():
    """The block for type checkers imports exactly the lazy names, from the same places."""
    tree = ast.parse(Path(easyseg.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == easyseg._HOMES


def test_type_checkers_see_what_is_no_name():
    """A module's `__getattr__` makes every name one for them: `easyseg.segmnt()` would pass."""
    tree = ast.parse(Path(easyseg.__file__).read_text("utf-8"))
    assert "__getattr__" not in {getattr(node, "name", "") for node in tree.body}
    hidden = next(n for n in ast.walk(tree) if getattr(n, "name", "") == "__getattr__")
    around = next(n for n in tree.body if isinstance(n, ast.If) and hidden in n.body)
    assert ast.unparse(around.test) == "not TYPE_CHECKING"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'segmentt'"):
        _ = easyseg.segmentt
    with pytest.raises(ImportError):
        importlib.import_module("easyseg.nothing")


def test_python_dash_m(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "easyseg", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"easyseg {easyseg.__version__}\n"
