from pathlib import Path

import pytest

from easyseg.cli.inputs import Picture, find
from easyseg.cli.outputs import can_write, plan
from easyseg.errors import EasysegError, InputError


def picture(source: str, root: str = "", folder: str = "") -> Picture:
    path = Path(source)
    return Picture(source, path.stem, path.suffix, root, Path(folder))


def targets(sources: list[str], output: str | None = None, kind: str = "overlay") -> list[str]:
    return [Path(str(one)).as_posix() for one in plan([picture(s) for s in sources], output, kind)]


@pytest.mark.parametrize(
    ("source", "kind", "expected"),
    [
        ("photo.jpg", "overlay", "photo_segmented.jpg"),
        ("in/deep/photo.PNG", "overlay", "photo_segmented.PNG"),
        ("photo.webp", "overlay", "photo_segmented.webp"),
        ("photo.gif", "overlay", "photo_segmented.png"),  # cannot be written
        ("photo", "overlay", "photo_segmented.png"),
        ("photo.jpg", "colors", "photo_segmented.png"),  # JPEG would invent colours
        ("photo.jpg", "labels", "photo_segmented.png"),
    ],
)
def test_default_names(here: Path, source: str, kind: str, expected: str):
    assert targets([source], None, kind) == [expected]


@pytest.mark.parametrize("output", ["out.png", "new/deep/out.jpg"])
def test_a_file_for_one(here: Path, output: str):
    assert targets(["photo.jpg"], output) == [output]


@pytest.mark.parametrize("output", ["out", "out/", "v1.png/", "there.png"])
def test_a_folder_for_one(here: Path, output: str):
    (here / "there.png").mkdir()
    assert targets(["in/photo.jpg"], output) == [f"{output.rstrip('/')}/photo.jpg"]


def test_standard_output():
    assert plan([picture("photo.jpg")], "-", "overlay") == [None]


@pytest.mark.parametrize("output", ["out", "out/", "out.v2"])
def test_a_folder_for_several(here: Path, output: str):
    folder = output.rstrip("/")
    assert targets(["a.jpg", "b.png"], output) == [f"{folder}/a.jpg", f"{folder}/b.png"]


@pytest.mark.parametrize("output", ["out.png", "there.txt", "-"])
def test_no_file_for_several(here: Path, output: str):
    (here / "there.txt").touch()
    with pytest.raises(InputError, match="several pictures cannot go into"):
        targets(["a.jpg", "b.jpg"], output)


def test_a_folder_keeps_its_structure(here: Path):
    pictures = [picture("in/a.jpg", "in"), picture("in/z/a.jpg", "in", "z")]
    assert plan(pictures, "out", "overlay") == [Path("out/a.jpg"), Path("out/z/a.jpg")]
    default = [Path("in_segmented/a.jpg"), Path("in_segmented/z/a.jpg")]
    assert plan(pictures, None, "overlay") == default


def test_several_folders_get_one_each(here: Path):
    pictures = [picture("x/1.jpg", "x"), picture("y/1.jpg", "y"), picture("1.jpg")]
    assert plan(pictures, "out", "overlay") == [
        Path("out/x/1.jpg"), Path("out/y/1.jpg"), Path("out/1.jpg"),
    ]  # fmt: skip
    assert plan(pictures, None, "overlay") == [
        Path("x_segmented/1.jpg"), Path("y_segmented/1.jpg"), Path("1_segmented.jpg"),
    ]  # fmt: skip


def test_equal_names_are_numbered(here: Path):
    assert targets(["a/1.jpg", "b/1.jpg", "c/1.JPG", "1.png"]) == [
        "1_segmented.jpg", "1_segmented-2.jpg", "1_segmented-3.JPG", "1_segmented.png",
    ]  # fmt: skip
    assert targets(["a/1.jpg", "b/1.png"], "out/", "labels") == ["out/1.png", "out/1-2.png"]
    # A number that is taken is passed over.
    assert targets(["a/1.jpg", "a/1-2.jpg", "b/1.jpg"], "out") == [
        "out/1.jpg", "out/1-2.jpg", "out/1-3.jpg",
    ]  # fmt: skip


def test_many_equal_names_are_quick_and_different(here: Path):
    names = targets([f"{i}/frame.jpg" for i in range(2000)])
    assert len(set(names)) == 2000
    assert names[-1] == "frame_segmented-2000.jpg"


def test_photographs_are_never_replaced(here: Path):
    for name in ("a.jpg", "a_segmented.jpg", "real.jpg"):
        (here / name).touch()
    (here / "link_segmented.jpg").symlink_to("real.jpg")
    # The shell gives the results of an earlier run together with the photographs.
    assert targets(["a.jpg", "a_segmented.jpg"]) == [
        "a_segmented_segmented.jpg", "a_segmented_segmented-2.jpg",
    ]  # fmt: skip
    assert targets(["a.jpg"], ".") == ["a_segmented.jpg"]
    # Through a link, too.
    assert targets(["link.jpg", "real.jpg"])[0] != "link_segmented.jpg"
    for spelling in ("a.jpg", "./a.jpg", str(here / "a.jpg"), "A.JPG"):
        with pytest.raises(InputError, match="photograph itself"):
            targets(["a.jpg"], spelling)
    with pytest.raises(InputError, match="photograph itself"):
        targets(["real.jpg"], "link_segmented.jpg")


def test_a_folder_onto_itself(here: Path):
    (here / "in").mkdir()
    (here / "in/a.jpg").touch()
    pictures = find(["in"], leave_out=Path("in")).pictures
    assert plan(pictures, "in", "overlay") == [Path("in/a_segmented.jpg")]


def test_a_file_where_a_folder_is_meant(here: Path):
    (here / "out").touch()
    with pytest.raises(InputError, match="out is a file"):
        targets(["a.jpg", "b.jpg"], "out")


@pytest.mark.parametrize(
    ("output", "kind", "message"),
    [
        ("out.xyz", "overlay", r"\.xyz is no known format"),
        ("out.gif", "overlay", r"\.gif is no known format"),
        ("out.jpg", "labels", "changes values"),
        ("out.webp", "labels", "changes values"),
    ],
)
def test_formats_that_do_not_do(here: Path, output: str, kind: str, message: str):
    with pytest.raises(EasysegError, match=message):
        targets(["a.jpg"], output, kind)


def test_can_write():
    assert can_write(".PNG")
    assert not can_write("")
    assert not can_write(".txt")
