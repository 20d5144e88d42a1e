from pathlib import Path

import pytest

from easyseg.cli.inputs import find


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def sources(*arguments: str, **options) -> list[str]:
    inputs = find(arguments, **options)
    assert inputs.problems == []
    return [picture.source for picture in inputs.pictures]


def test_files_are_taken_as_named(here: Path):
    touch(here, "a.jpg", "notes.txt", "x_segmented.png")
    names = ["x_segmented.png", "a.jpg", "notes.txt", "missing.jpg"]
    assert sources(*names) == names
    picture = find(["some/where/a.b.JPG"]).pictures[0]
    assert (picture.stem, picture.extension, picture.root) == ("a.b", ".JPG", "")


def test_twice_the_same_is_once(here: Path):
    touch(here, "a.jpg", "b.jpg")
    assert sources("b.jpg", "a.jpg", "./b.jpg", str(here / "b.jpg"), ".") == ["b.jpg", "a.jpg"]
    assert sources("-", "-") == ["-"]


def test_a_folder_is_searched_through_all_its_depth(here: Path):
    touch(
        here, "in/b.jpg", "in/a.PNG", "in/z/c.webp", "in/notes.txt", "in/.hidden.jpg",
        "in/.cache/d.jpg", "in/b_segmented.jpg", "in/b_segmented-2.jpg", "in/z_segmented/c.jpg",
    )  # fmt: skip
    pictures = find(["in"]).pictures
    assert [Path(one.source) for one in pictures] == [
        Path("in/a.PNG"), Path("in/b.jpg"), Path("in/z/c.webp"),
    ]  # fmt: skip
    assert {one.root for one in pictures} == {"in"}
    assert [one.folder for one in pictures] == [Path(), Path(), Path("z")]


@pytest.mark.parametrize("argument", ["in/", "in/.", "in/z/.."])
def test_other_spellings_of_a_folder(here: Path, argument: str):
    touch(here, "in/a.jpg", "in/z/b.jpg")
    assert len(sources(argument)) == 2


def test_the_root_of_the_current_folder_is_its_name(here: Path):
    touch(here, "a.jpg")
    (here / "deep").mkdir()
    assert find(["."]).pictures[0].root == here.name
    assert find(["deep/.."]).pictures[0].root == here.name


def test_the_folder_for_results_is_left_out(here: Path):
    touch(here, "a.jpg", "out/b.jpg", "other/out/c.jpg")
    assert sources(".", leave_out=Path("out")) == ["a.jpg", str(Path("other/out/c.jpg"))]
    assert sources("out", leave_out=Path("out")) == [str(Path("out/b.jpg"))]


def test_links(here: Path):
    touch(here, "in/a.jpg")
    (here / "in/link.jpg").symlink_to("a.jpg")
    (here / "in/loop").symlink_to(".")
    (here / "in/broken.jpg").symlink_to("nothing")
    assert [Path(one).name for one in sources("in")] == ["a.jpg", "broken.jpg", "link.jpg"]


def test_patterns(here: Path):
    touch(
        here, "shots/day1/a.jpg", "shots/day2/b.jpg", "shots/c.jpg", "shots/d.txt", "shots/x.jpg/e"
    )
    assert [Path(one).name for one in sources("shots/day?/*.jpg")] == ["a.jpg", "b.jpg"]
    assert [Path(one).name for one in sources("shots/**/*")] == ["c.jpg", "a.jpg", "b.jpg"]
    pictures = find(["shots/**/*.jpg"]).pictures
    assert {one.source: one.folder for one in pictures} == {
        str(Path("shots/c.jpg")): Path(),
        str(Path("shots/day1/a.jpg")): Path("day1"),
        str(Path("shots/day2/b.jpg")): Path("day2"),
    }
    assert len(sources(str(here / "shots/*.jpg"))) == 1


def test_a_file_with_the_letters_of_a_pattern(here: Path):
    touch(here, "a[1].jpg", "a1.jpg")
    assert sources("a[1].jpg") == ["a[1].jpg"]
    assert sources("a[1]*.jpg") == ["a1.jpg"]


def test_what_gives_nothing_is_told_and_the_rest_found(here: Path):
    touch(here, "a.jpg", "empty/notes.txt")
    inputs = find(["empty", "*.webp", "a.jpg"])
    assert [one.source for one in inputs.pictures] == ["a.jpg"]
    assert inputs.problems == [
        "there are no pictures in the folder empty", "no picture matches *.webp",
    ]  # fmt: skip


def test_a_folder_that_may_not_be_read(here: Path, monkeypatch: pytest.MonkeyPatch):
    touch(here, "in/a.jpg")

    def walk(folder, onerror):
        onerror(PermissionError(13, "Permission denied", "in/locked"))
        yield "in", [], ["a.jpg"]

    monkeypatch.setattr("os.walk", walk)
    inputs = find(["in"])
    assert len(inputs.pictures) == 1
    assert inputs.problems == ["cannot read the folder in/locked: Permission denied"]


@pytest.mark.parametrize(
    ("url", "stem", "extension"),
    [
        ("https://example.org/a/photo.jpg?size=9#x", "photo", ".jpg"),
        ("HTTP://example.org/my%20cat.PNG", "my cat", ".PNG"),
        ("https://example.org/", "image", ""),
        ("https://example.org", "image", ""),
        ("https://example.org/a%2F..%2Fetc%3Apasswd", "etc_passwd", ""),
        ("https://example.org/..%5C..%5Cx.jpg", ".._.._x", ".jpg"),
        ("https://[broken/a.jpg", "image", ""),
        ("https://example.org/" + "x" * 300 + ".jpg", "x" * 100, ".jpg"),
    ],
)
def test_names_of_addresses(url: str, stem: str, extension: str):
    (picture,) = find([url]).pictures
    assert (picture.source, picture.stem, picture.extension) == (url, stem, extension)
    assert not picture.is_file


def test_names_that_no_file_can_have():
    name = "x" * 5000
    assert sources(name) == [name]
