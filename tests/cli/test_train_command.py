from dataclasses import fields
from pathlib import Path

import pytest

from easyseg import training
from easyseg.cli import main
from easyseg.labels import LabelSet
from easyseg.training import Settings, Training


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What `train` was asked for."""
    record: dict[str, object] = {}

    def train(data, **keywords):
        record.update(keywords, data=data)
        label_set = LabelSet.from_names("own", ["a", "b"])
        return Training(Path("out/model.pt"), label_set, 90, 12.3, 0.004, 0.875, ())

    monkeypatch.setattr(training, "train", train)
    return record


def test_the_defaults_are_those_of_the_library(asked: dict[str, object], capsys):
    assert main(["train", "photos"]) == 0
    out = capsys.readouterr().out
    assert f"{Path('out/model.pt')}  90 steps, 12 s, mIoU 87.50" in out
    assert "0.4% of the time was spent waiting for data" in out
    assert asked == {
        "data": "photos", "output": "training", "init": "builtin", "classes": None,
        "validation": None, "unlabelled": None, "teacher": None, "architecture": None,
        "split": "train", "reduce_zero_label": False, "device": None, "settings": Settings(),
        "progress": False,
    }  # fmt: skip


def test_options(asked: dict[str, object]):
    words = "a.tar b.tar --classes names.txt -o out --init imagenet --unlabelled more --hold-out 0"
    words += " --teacher best --steps 9 --batch-size 2 --learning-rate 1e-2 --scale 0.7,1.5"
    words += " --no-flip --half --optimizer sgd --norm-momentum 0.2 --unlabelled-share 0.25"
    assert main(["train", *words.split()]) == 0
    assert asked["data"] == ["a.tar", "b.tar"]
    assert asked["validation"] == 0
    assert (asked["teacher"], asked["unlabelled"]) == ("best", "more")
    assert asked["settings"] == Settings(
        steps=9, batch_size=2, learning_rate=0.01, scale=(0.7, 1.5), flip=False, half=True,
        optimizer="sgd", norm_momentum=0.2, unlabelled_share=0.25,
    )  # fmt: skip


def test_photographs_to_measure_on(asked: dict[str, object]):
    assert main(["train", "photos", "--validation", "a", "b"]) == 0
    assert asked["validation"] == ["a", "b"]


def test_every_setting_is_an_option_with_a_help(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for one in fields(Settings):
        name = one.name.replace("_", "-")
        assert f"--{'no-' if one.default is True else ''}{name} " in text
    assert "as often as common ones. (default 0.5)" in text
    assert "easyseg train photos" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [("--ohem 2", "ohem must be"), ("--optimizer adam", "optimizer must be")],
)
def test_values_out_of_range(asked: dict[str, object], capsys, words: str, message: str):
    assert main(["train", "photos", *words.split()]) == 2
    assert message in capsys.readouterr().err
    assert not asked


@pytest.mark.parametrize("words", ["--steps many", "--scale large", "--crop 1.5", "--ema x"])
def test_values_that_are_no_numbers(words: str):
    with pytest.raises(SystemExit):
        main(["train", "photos", *words.split()])


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys):
    def train(data, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", train)
    assert main(["train", "photos"]) == 130
    assert "the same command goes on from here" in capsys.readouterr().err


def test_no_data(tmp_path: Path, capsys):
    assert main(["train", str(tmp_path / "none"), "-o", str(tmp_path / "out")]) == 2
    assert "no data at" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
