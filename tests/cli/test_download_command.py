import dataclasses
from pathlib import Path

import pytest

from easyseg import download, registry
from easyseg.cli import main
from easyseg.engine import loader

BUILT_IN = "deeplabv3plus_mobilenet_v2_tensorflow.voc"
CONTENT = {"one": b"1" * 1_500_000, "two": b"2" * 700}


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Registers models whose files are on a mirror, and gives the folder that they come to."""
    import hashlib

    mirror = tmp_path / "mirror"
    mirror.mkdir()
    built_in = registry.get(BUILT_IN)
    records = {BUILT_IN: dataclasses.replace(built_in, tiers=("builtin",))}
    for name, content in CONTENT.items():
        records[f"{name}.voc"] = dataclasses.replace(
            built_in,
            name=f"{name}.voc",
            file=None,
            urls=(f"https://example.invalid/{name}.pth",),
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            tiers=("fast",) if name == "one" else (),
        )
        (mirror / f"{name}.voc.pth").write_bytes(content)
    records["free.voc"] = dataclasses.replace(
        records["two.voc"], name="free.voc", notice="Not for everything"
    )
    records["nohash.voc"] = dataclasses.replace(records["two.voc"], name="nohash.voc", sha256="")
    records["nohash.voc"] = dataclasses.replace(records["nohash.voc"], size=0)
    monkeypatch.setattr(registry, "_RECORDS", records)
    monkeypatch.setenv("EASYSEG_OFFLINE", "1")
    monkeypatch.setenv("EASYSEG_MIRROR", str(mirror))
    monkeypatch.setenv("EASYSEG_HOME", str(tmp_path / "home"))
    return download.weights_folder()


def test_a_name_and_a_tier(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download", "two.voc"]) == 0
    assert capsys.readouterr() == (f"two.voc: {cache / 'two.voc.pth'} (0.0 MB)\n", "")
    assert main(["download", "fast", "--dataset", "voc"]) == 0
    assert capsys.readouterr() == (f"one.voc: {cache / 'one.voc.pth'} (1.5 MB)\n", "")
    assert (cache / "one.voc.pth").read_bytes() == CONTENT["one"]


def test_what_is_built_in_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download", BUILT_IN]) == 0
    assert f"{loader.built_in_file(registry.get(BUILT_IN))} (4.4 MB)" in capsys.readouterr().out


def test_one_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download", "free.voc"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("easyseg: error: free.voc.pth could not be fetched: ")
    assert err.count("\n") == 1
    assert "easyseg download --from FILE free.voc" in err


def test_one_of_several_fails(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download", "free.voc", "two.voc", "TWO.voc"]) == 1
    out, err = capsys.readouterr()
    assert out == f"two.voc: {cache / 'two.voc.pth'} (0.0 MB)\n"
    assert err.startswith("easyseg: error: free.voc.pth")
    assert main(["download", "free.voc", "nohash.voc"]) == 2


def test_all_but_those_with_a_notice(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = loader.built_in_file(registry.get(BUILT_IN))
    (cache.parent.parent / "mirror" / "nohash.voc.pth").write_bytes(file.read_bytes())
    assert main(["download", "--all"]) == 0
    out, err = capsys.readouterr()
    assert [line.split(":")[0] for line in out.splitlines()] == ["one.voc", "two.voc", "nohash.voc"]
    assert err.startswith("easyseg: note: left out")
    assert err.endswith(": free.voc\n")
    assert main(["download", "--all", "--dataset", "ade20k"]) == 0
    assert capsys.readouterr().out == "nothing to do\n"


def test_verify(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download", "--verify"]) == 0
    assert capsys.readouterr().out == "nothing in the cache yet\n"
    main(["download", "one.voc", "two.voc"])
    capsys.readouterr()
    assert main(["download", "--verify"]) == 0
    assert capsys.readouterr().out == "one.voc: right\ntwo.voc: right\n"
    (cache / "one.voc.pth").write_bytes(CONTENT["one"][:-1] + b"?")
    assert main(["download", "--all", "--verify"]) == 1
    out = capsys.readouterr().out
    assert "one.voc: its SHA-256 begins with" in out
    assert "easyseg download one.voc" in out
    assert main(["download", "free.voc", BUILT_IN, "--verify"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("free.voc: it is not there. Fetch it: easyseg download free.voc\n")
    assert f"{BUILT_IN}: built in" in out
    assert main(["download", "two.voc", "--verify"]) == 0


def test_remove(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["download", "one.voc"])
    capsys.readouterr()
    assert main(["download", "one.voc", "--remove"]) == 0
    assert capsys.readouterr().out == "one.voc: removed, 1.5 MB\n"
    assert not (cache / "one.voc.pth").exists()
    assert main(["download", "one.voc", "--remove"]) == 0
    assert capsys.readouterr().out == "one.voc: not in the cache\n"
    assert main(["download", BUILT_IN, "--remove"]) == 0
    assert capsys.readouterr().out == f"{BUILT_IN}: built in, and stays\n"
    assert main(["download", "--all", "--remove"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_from_a_file(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_bytes(CONTENT["one"])
    assert main(["download", "--from", str(tmp_path / "mine"), "one.voc"]) == 0
    assert capsys.readouterr().out == f"one.voc: {cache / 'one.voc.pth'}\n"
    assert main(["download", "two.voc", "--from", str(tmp_path / "mine")]) == 2
    assert "is not two.voc.pth: it has 1,500,000 bytes, not 700" in capsys.readouterr().err
    assert not (cache / "two.voc.pth").exists()


def test_from_a_file_without_a_hash_the_parameters_tell(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_bytes(CONTENT["one"])
    assert main(["download", "--from", str(tmp_path / "mine"), "nohash.voc"]) == 2
    assert not cache.exists()
    file = loader.built_in_file(registry.get(BUILT_IN))
    assert main(["download", "--from", str(file), "nohash.voc"]) == 0
    assert (cache / "nohash.voc.pth").read_bytes() == file.read_bytes()


def test_without_a_hash_only_what_fits_is_taken(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = cache.parent.parent / "mirror" / "nohash.voc.pth"
    mirror.write_bytes(b"eighteen bytes....")
    assert main(["download", "nohash.voc"]) == 2
    assert "does not give nohash.voc.pth: the checkpoint" in capsys.readouterr().err
    assert not (cache / "nohash.voc.pth").exists()
    content = loader.built_in_file(registry.get(BUILT_IN)).read_bytes()
    mirror.write_bytes(content)
    assert main(["download", "nohash.voc"]) == 0
    assert main(["download", "--verify", "nohash.voc"]) == 0
    (cache / "nohash.voc.pth").write_bytes(content + b"?")
    capsys.readouterr()
    assert main(["download", "--verify", "nohash.voc"]) == 1
    assert "its SHA-256 begins with" in capsys.readouterr().out


def test_what_nobody_has_noted_is_verified_by_its_content(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.mkdir(parents=True)
    (cache / "nohash.voc.pth").write_bytes(b"eighteen bytes....")
    assert main(["download", "--verify", "nohash.voc"]) == 1
    assert "cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "easyseg models lists them"),
        (["--remove"], "no model named"),
        (["two.voc", "--all"], "not both"),
        (["none.voc"], "none.voc"),
        (["--from", "file", "one.voc", "two.voc"], "a file is that of one model"),
        (["--from", "file", "--all"], "a file is that of one model"),
        (["--from", "file", BUILT_IN], "published nowhere"),
        (["--all", "--dataset", "imagenet"], "imagenet"),
    ],
)
def test_what_cannot_be_done(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["download", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_cache(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"{cache.parent}\n       0.0 MB  in 0 files\n"
    main(["download", "one.voc"])
    (cache / "two.voc.pth.part").write_bytes(bytes(200_000))
    capsys.readouterr()
    assert main(["cache"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(cache.parent),
        f"       1.5 MB  {Path('weights', 'one.voc.pth')}",
        f"       0.2 MB  {Path('weights', 'two.voc.pth.part')}  (not finished)",
        "       1.7 MB  in 2 files",
    ]
