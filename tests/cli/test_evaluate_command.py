import json
from pathlib import Path

import numpy as np
import pytest

from easyseg import evaluation
from easyseg.cli import main
from easyseg.evaluation import Evaluation
from easyseg.evaluation.metrics import Scores


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What `evaluate` was asked for; it answers with two classes."""
    record: dict[str, object] = {}

    def evaluate(data, **keywords):
        record.update(keywords, data=data)
        scores = Scores(np.array([[3, 1], [0, 4]]), ("cat", "dog"))
        return Evaluation(scores, 7, "fake", "folder", seconds=1.5)

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    return record


def test_table_and_options(asked: dict[str, object], capsys, tmp_path: Path):
    arguments = ["--data", str(tmp_path), "--model", "best", "--flip", "--scales", "0.75,1,1.25"]
    assert main(["evaluate", "--dataset", "VOC", *arguments, "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["cat", "75.00", "75.00"]
    assert lines[-1] == "7 photographs, fake, 1.5 s"
    assert asked == {
        "data": str(tmp_path), "dataset": "voc", "model": "best", "flip": True, "split": "val",
        "scales": (0.75, 1.0, 1.25), "device": "cpu", "precision": "auto", "backend": "auto",
        "size": None, "output_stride": None, "reduce_zero_label": False, "limit": None,
        "progress": False,
    }  # fmt: skip


def test_a_folder_for_the_data_set(asked: dict[str, object], tmp_path: Path):
    assert main(["evaluate", "--dataset", str(tmp_path), "-q"]) == 0
    assert (asked["data"], asked["dataset"]) == (str(tmp_path), None)


def test_several_paths(asked: dict[str, object]):
    assert main(["evaluate", "--data", "a.tar", "b.tar", "-q"]) == 0
    assert (asked["data"], asked["dataset"]) == (["a.tar", "b.tar"], None)


def test_json_to_a_file_and_to_the_standard_output(
    asked: dict[str, object], capsys, tmp_path: Path
):
    target = tmp_path / "scores.json"
    assert main(["evaluate", "--data", "x", "--json", str(target), "-q"]) == 0
    assert capsys.readouterr().out == ""
    facts = json.loads(target.read_text())
    assert facts["mean_iou"] == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert main(["evaluate", "--data", "x", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == facts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "voc"], "--data PATH"),
        (["--dataset", "nowhere"], "no data set is named 'nowhere'"),
        (["--data", "x", "--json", "missing/scores.json"], "no folder for"),
    ],
)
def test_mistakes(asked: dict[str, object], capsys, arguments: list[str], message: str):
    assert main(["evaluate", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not asked


def test_scales_that_are_no_numbers(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "--data", "x", "--scales", "large"])
    assert "0.75,1,1.25" in capsys.readouterr().err


def test_from_files_to_the_table(tmp_path: Path, capsys):
    """Nothing is faked: the built-in model on a picture of noise."""
    from easyseg.pictures.image import write

    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    rng = np.random.default_rng(0)
    write(tmp_path / "images" / "a.png", rng.integers(0, 256, (40, 50, 3), np.uint8))
    write(tmp_path / "masks" / "a.png", np.full((40, 50), 15, np.uint8))
    arguments = ["--data", str(tmp_path), "--model", "builtin", "--size", "64", "--device", "cpu"]
    assert main(["evaluate", "--dataset", "voc", *arguments]) == 0
    assert "person" in capsys.readouterr().out
    (tmp_path / "masks" / "a.png").unlink()
    assert main(["evaluate", "--dataset", "voc", *arguments]) == 2
    assert "have no mask" in capsys.readouterr().err
