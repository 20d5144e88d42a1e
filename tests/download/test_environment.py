import sys
from pathlib import Path, PurePath

import pytest

from easyseg import download
from easyseg.errors import DownloadError


@pytest.mark.parametrize("setting", ["", "0", "False", "no", "off "])
def test_online_settings(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv("EASYSEG_OFFLINE", setting)
    assert not download.is_offline()


def test_online_by_default() -> None:
    assert not download.is_offline()


class TestCacheFolder:
    @pytest.fixture(autouse=True)
    def _home(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.home = tmp_path / "home"
        monkeypatch.setattr(Path, "home", lambda: self.home)

    def test_the_environment_decides(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("EASYSEG_HOME", str(tmp_path / "mine"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert download.cache_folder() == tmp_path / "mine"

    def test_a_relative_choice_is_made_absolute(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("EASYSEG_HOME", "mine")
        assert download.cache_folder() == tmp_path / "mine"

    @pytest.mark.parametrize(
        ("platform", "parts"),
        [
            ("linux", (".cache", "easyseg")),
            ("darwin", ("Library", "Caches", "easyseg")),
            ("win32", ("AppData", "Local", "easyseg")),
        ],
    )
    def test_by_platform(
        self, monkeypatch: pytest.MonkeyPatch, platform: str, parts: tuple[str, ...]
    ) -> None:
        monkeypatch.setattr(sys, "platform", platform)
        folder = download.cache_folder()
        assert folder == self.home / PurePath(*parts)
        assert not folder.exists()
        assert not self.home.exists()

    @pytest.mark.parametrize(
        ("platform", "variable"), [("linux", "XDG_CACHE_HOME"), ("win32", "LOCALAPPDATA")]
    )
    def test_the_platforms_own_variable(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variable: str
    ) -> None:
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setenv(variable, str(tmp_path / "caches"))
        assert download.cache_folder() == tmp_path / "caches" / "easyseg"

    def test_a_relative_xdg_folder_is_ignored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert download.cache_folder() == self.home / ".cache" / "easyseg"

    def test_a_user_without_a_home_is_told_what_to_do(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def homeless() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(Path, "home", homeless)
        monkeypatch.setattr(sys, "platform", "linux")
        with pytest.raises(DownloadError, match="EASYSEG_HOME"):
            download.cache_folder()


class TestMirror:
    def test_none_unless_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert download.mirror() is None
        monkeypatch.setenv("EASYSEG_MIRROR", " ")
        assert download.mirror() is None

    @pytest.mark.parametrize("address", ["http://mirror:8000/weights", "HTTPS://a.org/"])
    def test_an_address(self, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
        monkeypatch.setenv("EASYSEG_MIRROR", f" {address} ")
        assert download.mirror() == address

    def test_a_folder(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        folder = tmp_path / "a b"
        for text in (str(folder), folder.as_uri()):
            monkeypatch.setenv("EASYSEG_MIRROR", text)
            assert download.mirror() == folder
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("EASYSEG_MIRROR", "a b")
        assert download.mirror() == folder

    @pytest.mark.parametrize("text", ["ftp://host/weights", "http://", "http://[", "s3://bucket"])
    def test_neither(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        monkeypatch.setenv("EASYSEG_MIRROR", text)
        with pytest.raises(DownloadError, match=r"EASYSEG_MIRROR is .*to a folder"):
            download.mirror()
