import sys

import cv2
import pytest

from easyseg.pictures import probe


def test_formats_are_tried():
    found = {one.name: one for one in probe.formats()}
    assert set(found) == set(probe.FORMATS)
    for name in ("JPEG", "PNG", "WebP", "TIFF"):
        assert found[name].reads
        assert found[name].writes


@pytest.mark.parametrize(
    ("text", "backend"),
    [
        ("  Media I/O:\n    JPEG: yes\n\n  GUI:                           QT5\n    QT: YES", "QT5"),
        ("  GUI:                           NONE\n", None),
        ("  GUI: \n    GTK+: NO\n", "GTK+:"),
        ("nothing", None),
    ],
)
def test_window_backend(text: str, backend: str | None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: text)
    assert probe.window_backend() == backend


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these always have a display")
def test_has_display(monkeypatch: pytest.MonkeyPatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not probe.has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert probe.has_display()
    monkeypatch.delenv("DISPLAY")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert probe.has_display()
