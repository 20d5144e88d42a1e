import dataclasses
import json
from pathlib import Path

import pytest

from easyseg import registry
from easyseg.cli import main, models
from easyseg.engine import loader

BUILT_IN = "deeplabv3plus_mobilenet_v2_tensorflow.voc"


def test_the_table(capsys):
    assert main(["models"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "MODEL"
    assert [line.split()[0] for line in lines] == registry.names()
    voc = next(line for line in lines if line.startswith(BUILT_IN))
    record = registry.get(BUILT_IN)
    for cell in ("voc", "built in", record.licence, f"{record.parameters / 1e6:.1f} M"):
        assert cell in voc
    # The columns are aligned, and nothing trails.
    for title in ("DATA SET", "TIERS", "PARAMETERS", "FILE", "LICENCE"):
        start = header.index(title)
        assert {line[start - 2 : start] for line in lines} == {"  "}
        assert " " not in {line[start] for line in lines}
    assert all(line == line.rstrip() for line in [header, *lines])


def test_json(capsys):
    assert main(["models", "--json", "--dataset", "VOC"]) == 0
    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["name"] for one in facts] == registry.names("voc")
    assert set(facts[0]) == {
        "name", "title", "dataset", "tiers", "metrics", "measured_on", "parameters", "size",
        "where", "licence", "source",
    }  # fmt: skip
    where = {one["name"]: one["where"] for one in facts}
    assert where[BUILT_IN] == "built in"


def test_an_unknown_data_set(capsys):
    assert main(["models", "--dataset", "imagenet"]) == 2
    assert "imagenet" in capsys.readouterr().err


def test_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("EASYSEG_HOME", str(tmp_path / "home"))
    built_in = registry.get(BUILT_IN)
    assert models._where(built_in) == "built in"
    published = dataclasses.replace(
        built_in, file=None, urls=("https://example.org/voc.pt",), sha256="0" * 64
    )
    assert models._where(published) == "to fetch"
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(loader, "is_here", lambda record: record is published)
    assert models._where(published) == "fetched"
    assert models._where(built_in) == "missing"
