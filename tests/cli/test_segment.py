"""The main command, with a segmenter that needs no network."""

import io
import json
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from easyseg.cli import main, segment
from easyseg.labels import ADE20K
from easyseg.pictures import image as media


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)

    def isatty(self) -> bool:
        return True

    def text(self) -> str:
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch):
    """Gives bytes to the standard input."""

    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


def catch_stdout(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """Catches the bytes of the standard output; not a fixture, which pytest's capture undoes."""
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream))
    return stream


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_one_photograph(fake: dict, here: Path, photo, capsys):
    photo(here / "in" / "photo.jpg")
    assert main(["in/photo.jpg"]) == 0
    assert capsys.readouterr() == ("photo_segmented.jpg  building 75.0 %, wall 25.0 %\n", "")
    assert media.read("photo_segmented.jpg").shape == (30, 40, 3)
    assert fake["options"] == {
        "model": "fast", "dataset": None, "device": None, "precision": "auto", "backend": "auto",
        "size": None, "output_stride": None,
    }  # fmt: skip


def test_options_reach_the_engine(fake: dict, here: Path, photo):
    photo(here / "photo.png")
    arguments = ["--dataset=voc", "--model=best", "--device=cpu", "--size=256", "--output-stride=8"]
    arguments += ["--precision=bf16", "--backend=torch"]
    assert main(["photo.png", *arguments]) == 0
    assert fake["options"] == {
        "model": "best", "dataset": "voc", "device": "cpu", "size": 256, "output_stride": 8,
        "precision": "bf16", "backend": "torch",
    }  # fmt: skip


def test_the_background_is_not_news(fake: dict, here: Path, photo, capsys):
    photo(here / "photo.png")
    photo(here / "dark.png", value=0)
    assert main(["photo.png", "dark.png", "--dataset", "voc"]) == 0
    assert capsys.readouterr().out == (
        "photo_segmented.png  aeroplane 75.0 %\ndark_segmented.png  background 100.0 %\n"
    )


class TestKinds:
    def run(self, here: Path, photo, *arguments: str) -> np.ndarray:
        photo(here / "photo.png")
        assert main(["photo.png", "-o", "out.png", *arguments]) == 0
        return media.read("out.png")

    def test_overlay_at_alpha_0(self, fake: dict, here: Path, photo):
        plain = self.run(here, photo, "--alpha", "0", "--no-legend", "--no-outline")
        np.testing.assert_array_equal(plain, media.read("photo.png"))

    def test_outline_and_legend(self, fake: dict, here: Path, photo):
        photo(here / "photo.png", size=(200, 300))
        pictures = []
        for options in ([], ["--no-legend"], ["--no-outline"]):
            assert main(["photo.png", "-o", "out.png", *options]) == 0
            pictures.append(media.read("out.png"))
        assert np.any(pictures[0] != pictures[1])
        assert np.any(pictures[0] != pictures[2])

    def test_colors(self, fake: dict, here: Path, photo):
        colors = self.run(here, photo, "--kind", "colors")
        np.testing.assert_array_equal(colors[0, 0], ADE20K.palette[1])
        np.testing.assert_array_equal(colors[0, 39], ADE20K.palette[0])

    def test_labels(self, fake: dict, here: Path, photo):
        labels = self.run(here, photo, "--kind", "labels", "--classes", "building")
        np.testing.assert_array_equal(labels[0, 0], 1)
        np.testing.assert_array_equal(labels[0, 39], 255)


class TestClasses:
    @pytest.mark.parametrize(
        "arguments",
        [["--classes", "edifice"], ["--classes", "1"], ["--classes", "Building, tree"]],
    )
    def test_only_these(self, fake: dict, here: Path, photo, capsys, arguments: list[str]):
        photo(here / "photo.png")
        assert main(["photo.png", *arguments]) == 0
        assert capsys.readouterr().out == "photo_segmented.png  building 75.0 %\n"

    def test_given_twice(self, fake: dict, here: Path, photo, capsys):
        photo(here / "photo.png")
        assert main(["photo.png", "--classes", "wall", "--classes", "1"]) == 0
        assert capsys.readouterr().out.endswith("building 75.0 %, wall 25.0 %\n")

    def test_none_found(self, fake: dict, here: Path, photo, capsys):
        photo(here / "photo.png")
        assert main(["photo.png", "--classes", "sky"]) == 0
        assert capsys.readouterr().out == "photo_segmented.png  none of these classes\n"

    def test_unknown(self, fake: dict, here: Path, photo, capsys):
        photo(here / "photo.png")
        assert main(["photo.png", "--classes", "persn"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "Did you mean 'person'" in err
        assert fake["segmenter"].seen == []
        assert files(here) == ["photo.png"]


class TestSeveral:
    def test_a_folder(self, fake: dict, here: Path, photo, capsys):
        photo(here / "in" / "a.jpg")
        photo(here / "in" / "deep" / "b.png")
        assert main(["in", "-o", "out/"]) == 0
        assert files(here / "out") == ["a.jpg", "deep/b.png"]
        assert main(["in"]) == 0
        assert files(here / "in_segmented") == ["a.jpg", "deep/b.png"]
        assert len(capsys.readouterr().out.splitlines()) == 4

    def test_again_in_the_current_folder(self, fake: dict, here: Path, photo):
        """Earlier results are neither taken for photographs nor in the way."""
        photo(here / "a.jpg")
        for _ in range(2):
            assert main([".", "-o", "out"]) == 0
            assert main(["."]) == 0
            assert main(["*.jpg"]) == 0
        written = ["a.jpg", "a_segmented.jpg", "here_segmented/a.jpg", "here_segmented/out/a.jpg"]
        assert files(here) == [*written, "out/a.jpg"]

    def test_a_failing_one_does_not_stop_the_rest(self, fake: dict, here: Path, photo, capsys):
        photo(here / "a.jpg")
        (here / "b.jpg").write_bytes(b"no picture")
        photo(here / "c.jpg")
        (here / "empty").mkdir()
        assert main(["a.jpg", "b.jpg", "missing.jpg", "c.jpg", "empty", "-o", "out"]) == 1
        assert files(here / "out") == ["a.jpg", "c.jpg"]
        out, err = capsys.readouterr()
        assert len(out.splitlines()) == 2
        lines = err.splitlines()
        assert all(line.startswith("easyseg: error: ") for line in lines[:3])
        for word, line in zip(("empty", "b.jpg", "missing.jpg"), lines, strict=False):
            assert word in line
        assert lines[3:] == ["easyseg: 2 done, 3 failed"]

    def test_what_fails_is_skipped_or_ends_it_all(self, fake: dict, here: Path, photo, capsys):
        (here / "a.jpg").write_bytes(b"no picture")
        photo(here / "b.jpg")
        (here / "empty").mkdir()
        words = ["a.jpg", "b.jpg", "-o", "out", "--on-error"]
        assert main([*words, "skip"]) == 0
        assert files(here / "out") == ["b.jpg"]
        first, last = capsys.readouterr().err.splitlines()
        assert first.startswith("easyseg: skipped: ")
        assert last == "easyseg: 1 done, 1 skipped"
        assert main(["a.jpg", "--on-error", "skip"]) == 2  # nothing was done
        assert main(["b.jpg", "a.jpg", "c.jpg", "-o", "two", "--on-error", "raise"]) == 1
        assert "c.jpg" not in capsys.readouterr().err
        assert main([*words, "raise"]) == 2
        assert main(["empty", *words, "raise"]) == 2
        assert "no pictures in the folder" in capsys.readouterr().err

    def test_the_limit_of_pixels(self, fake: dict, here: Path, photo, capsys):
        photo(here / "a.png")
        assert main(["a.png", "--max-pixels", "10"]) == 2
        assert "the limit is 10;" in capsys.readouterr().err

    def test_all_failing(self, fake: dict, here: Path, capsys):
        assert main(["x.jpg", "y.jpg", "-o", "out"]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 2
        assert files(here) == []
        assert not (here / "out").exists()

    def test_nothing_found(self, fake: dict, here: Path, capsys):
        assert main(["*.jpg"]) == 2
        assert capsys.readouterr() == ("", "easyseg: error: no picture matches *.jpg\n")
        assert fake == {}  # nothing was loaded

    def test_interrupted_in_between(
        self, fake: dict, here: Path, photo, capsys, monkeypatch: pytest.MonkeyPatch
    ):
        for name in "abc":
            photo(here / f"{name}.png")
        (here / "a.png").write_bytes(b"")
        write = media.write

        def interrupted(path, *arguments, **options):
            if Path(path).stem == "c":
                raise KeyboardInterrupt
            return write(path, *arguments, **options)

        monkeypatch.setattr(media, "write", interrupted)
        assert main(["a.png", "b.png", "c.png", "-o", "out"]) == 130
        assert files(here / "out") == ["b.png"]
        err = capsys.readouterr().err
        assert "a.png" in err  # what failed until then is told
        assert err.endswith("easyseg: interrupted\n")

    def test_out_of_memory_is_one_failure(
        self, fake: dict, here: Path, photo, capsys, monkeypatch: pytest.MonkeyPatch
    ):
        photo(here / "a.png")
        photo(here / "b.png")
        read = media.read

        def hungry(source, **options):
            if source == "a.png":
                raise MemoryError
            return read(source, **options)

        monkeypatch.setattr(media, "read", hungry)
        assert main(["a.png", "b.png"]) == 1
        assert "easyseg: error: a.png: MemoryError\n" in capsys.readouterr().err

    def test_debug_shows_where(self, fake: dict, here: Path, capsys):
        assert main(["x.jpg", "--debug"]) == 2
        assert "Traceback" in capsys.readouterr().err


class TestCtrlC:
    """PyTorch aborts the process when it is interrupted while it is loaded."""

    def test_it_waits_until_the_block_is_over(self):
        steps = []

        def interrupted() -> None:
            with segment.interrupts_wait():
                signal.raise_signal(signal.SIGINT)
                steps.append("went on")

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert steps == ["went on"]
        with pytest.raises(KeyboardInterrupt):  # and is as before afterwards
            signal.raise_signal(signal.SIGINT)

    def test_an_error_of_the_block_comes_through(self):
        with pytest.raises(ImportError), segment.interrupts_wait():
            raise ImportError

    def test_in_another_thread(self, fake: dict, here: Path, photo):
        photo(here / "a.png")
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(main(["a.png", "-q"])))
        thread.start()
        thread.join()
        assert codes == [0]


class TestBar:
    def bar(self, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        assert main(list(arguments)) == 0
        return terminal.text()

    def test_for_several_on_a_terminal(self, fake: dict, here: Path, photo, monkeypatch):
        photo(here / "a.png")
        photo(here / "b.png")
        assert "2" in self.bar(monkeypatch, "a.png", "b.png")
        assert "picture" in self.bar(monkeypatch, "a.png", "b.png")

    def test_not_for_one_nor_when_quiet(self, fake: dict, here: Path, photo, monkeypatch):
        photo(here / "a.png")
        photo(here / "b.png")
        assert self.bar(monkeypatch, "a.png") == ""
        assert self.bar(monkeypatch, "a.png", "b.png", "-q") == ""


class TestJson:
    def test_a_line_for_each(self, fake: dict, here: Path, photo, capsys):
        photo(here / "a.png")
        photo(here / "b.png")
        assert main(["a.png", "b.png", "--json", "-q"]) == 0
        facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(one["source"], one["output"]) for one in facts] == [
            ("a.png", "a_segmented.png"), ("b.png", "b_segmented.png"),
        ]  # fmt: skip
        assert facts[0]["classes"][0]["name"] == "building"
        assert facts[0]["classes"][0]["ratio"] == 0.75
        assert facts[0]["size"] == {"width": 40, "height": 30}
        assert files(here) == ["a.png", "a_segmented.png", "b.png", "b_segmented.png"]

    def test_strange_names(self, fake: dict, here: Path, photo, capsys):
        photo(
            here / "fête \udcff.png".encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        )
        name = next(here.iterdir()).name
        assert main([name, "--json"]) == 0
        out = capsys.readouterr().out
        assert out.isascii()
        assert json.loads(out)["source"] == name


def test_quiet(fake: dict, here: Path, photo, capsys):
    photo(here / "a.png")
    assert main(["a.png", "-q"]) == 0
    assert capsys.readouterr() == ("", "")


class TestStreams:
    def test_from_stdin_to_stdout(self, fake: dict, here: Path, photo, stdin, capsys, monkeypatch):
        path = photo(here / "a.png")
        stdin(path.read_bytes())
        stdout = catch_stdout(monkeypatch)
        assert main(["-", "-o", "-", "--alpha", "0", "--no-legend", "--no-outline"]) == 0
        np.testing.assert_array_equal(media.read(stdout.getvalue()), media.read(path))
        assert stdout.getvalue().startswith(b"\x89PNG")
        assert files(here) == ["a.png"]
        assert capsys.readouterr().err == ""

    def test_from_stdin_to_a_file(self, fake: dict, here: Path, photo, stdin, capsys):
        stdin(photo(here / "a.png").read_bytes())
        assert main(["-", "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert (facts["source"], facts["output"]) == ("-", "stdin_segmented.png")
        assert (here / "stdin_segmented.png").exists()

    @pytest.mark.parametrize("data", [b"", b"no picture"])
    def test_what_is_no_picture(self, fake: dict, here: Path, stdin, capsys, data: bytes):
        stdin(data)
        assert main(["-", "-o", "out.png"]) == 2
        assert "standard input" in capsys.readouterr().err
        assert files(here) == []

    def test_nothing_piped_in(self, fake: dict, here: Path, monkeypatch, capsys):
        monkeypatch.setattr(sys, "stdin", Terminal())
        assert main(["-"]) == 2
        assert "easyseg - < photo.jpg" in capsys.readouterr().err

    def test_no_png_to_a_terminal(self, fake: dict, here: Path, monkeypatch, capsys):
        monkeypatch.setattr(sys, "stdout", Terminal())
        assert main(["a.png", "-o", "-"]) == 2
        assert "terminal" in capsys.readouterr().err

    def test_json_and_picture_cannot_share(self, fake: dict, here: Path, capsys):
        assert main(["a.png", "-o", "-", "--json"]) == 2
        assert "--json" in capsys.readouterr().err

    def test_several_cannot_share(self, fake: dict, here: Path, photo, capsys, monkeypatch):
        photo(here / "a.png")
        photo(here / "b.png")
        stdout = catch_stdout(monkeypatch)
        assert main(["a.png", "b.png", "-o", "-"]) == 2
        assert "several pictures cannot go into the standard output" in capsys.readouterr().err
        assert stdout.getvalue() == b""


class TestErrors:
    def test_the_command_comes_first(self, fake: dict, here: Path, capsys):
        assert main(["--json", "models"]) == 2
        assert "easyseg models [options]" in capsys.readouterr().err

    def test_a_file_with_the_name_of_a_command(self, fake: dict, here: Path, photo, capsys):
        photo(here / "models.png").rename(here / "models")
        assert main(["./models"]) == 0
        assert main(["-q", "models"]) == 0
        assert (here / "models_segmented.png").exists()

    def test_a_name_that_begins_with_a_dash(self, fake: dict, here: Path, photo):
        photo(here / "-x.png")
        assert main(["--", "-x.png"]) == 0
        assert (here / "-x_segmented.png").exists()

    def test_an_unknown_model(self, fake: dict, here: Path, photo, capsys):
        photo(here / "a.png")
        assert main(["a.png", "--model", "nonesuch"]) == 2
        assert capsys.readouterr() == ("", "easyseg: error: there is no model 'nonesuch'\n")

    def test_a_near_name_is_offered(self, fake: dict, here: Path, photo, capsys):
        photo(here / "photo.png")
        assert main(["phto.png"]) == 2
        assert "photo.png?" in capsys.readouterr().err

    def test_onto_the_photograph_itself(self, fake: dict, here: Path, photo, capsys):
        before = photo(here / "a.png").read_bytes()
        assert main(["a.png", "-o", "a.png"]) == 2
        assert "photograph itself" in capsys.readouterr().err
        assert (here / "a.png").read_bytes() == before

    def test_a_file_in_the_way_of_a_folder(self, fake: dict, here: Path, photo, capsys):
        photo(here / "a.png")
        (here / "file.txt").touch()
        assert main(["a.png", "-o", "file.txt/out.png"]) == 2
        assert "cannot make the folder file.txt" in capsys.readouterr().err

    def test_a_full_disk(self, fake: dict, here: Path, photo, capsys, monkeypatch):
        photo(here / "a.png")

        def full(path, *arguments, **options):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(media, "write", full)
        assert main(["a.png"]) == 2
        assert "a.png: [Errno 28] No space left on device" in capsys.readouterr().err


def test_quality_for_stills(fake, photographs, tmp_path):
    picture = str(photographs / "chelsea.jpg")
    assert main([picture, "-o", str(tmp_path / "o.png"), "--tta", "--tile", "512"]) == 0
    assert fake["segmenter"].quality == (True, 512)
