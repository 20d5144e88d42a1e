"""Nothing of easyseg opens a connection or resolves a name, unless something is asked for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="watches as on Unix")

# Python's own way to the network is watched by an audit hook. Libraries in C go past it: what
# they call is watched by a library of ours that is loaded before libc, where there is a compiler.
HOOK = """
import os, sys
def hook(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        note(event, arguments[0])
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        if isinstance(arguments[1], tuple):
            note(event, arguments[1])
def note(event, what):
    with open(os.environ["NET_LOG"], "a") as file:
        print(event, what, file=file)
sys.addaudithook(hook)
"""

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
static void note(const char *what, const char *name) {
    int file = open(getenv("NET_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dprintf(file, "%s %s\n", what, name ? name : "");
    close(file);
}
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        dlsym(RTLD_NEXT, "getaddrinfo");
    note("getaddrinfo", node);
    return next(node, service, hints, found);
}
struct hostent *gethostbyname(const char *node) {
    struct hostent *(*next)(const char *) = dlsym(RTLD_NEXT, "gethostbyname");
    note("gethostbyname", node);
    return next(node);
}
int connect(int file, const struct sockaddr *address, socklen_t length) {
    int (*next)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
    if (address->sa_family == AF_INET || address->sa_family == AF_INET6)
        note("connect", "");
    return next(file, address, length);
}
"""

SCRIPTS = {
    "import": "import easyseg; easyseg.segment; easyseg.stream; easyseg.Segmenter",
    "segment": "main(['p.png', '--model', 'builtin', '--backend', 'torch', '-q'])",
    "openvino": "main(['p.png', '--model', 'builtin', '--backend', 'openvino', '-q'])",
    "onnxruntime": "main(['p.png', '--model', 'builtin', '--backend', 'onnxruntime', '-q'])",
    "doctor": "main(['doctor'])",
    "models": "main(['models'])",
    "cache": "main(['cache'])",
    "verify": "main(['download', '--verify'])",
    "stats": "main(['stats', 'p.png', '--model', 'builtin', '-o', 't.csv', '--backend', 'torch'])",
    "help": "import contextlib\nwith contextlib.suppress(SystemExit): main(['--help'])",
}


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> str | None:
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    command = [compiler, "-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return None if done.returncode else str(folder / "shim.so")


def log_of(script: str, folder: Path, shim: str | None) -> list[str]:
    """Runs a script in a home of its own; gives what it asked of the network."""
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("EASYSEG")},
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "home" / ".cache"),
        "NET_LOG": str(folder / "log"),
        **({} if shim is None else {"LD_PRELOAD": shim}),
    }
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    (folder / "home").mkdir(exist_ok=True)
    code = f"{HOOK}\nfrom easyseg.cli import main\n{script}"
    subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, check=True
    )
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def test_the_watch_sees_what_it_should(tmp_path: Path, shim: str | None):
    script = "import socket\ntry: socket.getaddrinfo('localhost', 80)\nexcept OSError: pass"
    seen = [line.split()[0] for line in log_of(script, tmp_path, shim)]
    assert seen == ["socket.getaddrinfo", *([] if shim is None else ["getaddrinfo"])]


@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_is_looked_up(name: str, tmp_path: Path, shim: str | None):
    if name in ("openvino", "onnxruntime"):
        pytest.importorskip(name)
    if name == "onnxruntime":
        pytest.importorskip("onnx")
    from PIL import Image

    Image.new("RGB", (64, 48), (90, 120, 60)).save(tmp_path / "p.png")
    assert log_of(SCRIPTS[name], tmp_path, shim) == []
    written = {path.name for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert not any("deviceid" in file or "telemetry" in file for file in written)
    kept = (tmp_path / "home" / ".cache").glob("*")
    assert {path.name for path in kept} <= {"easyseg", "matplotlib", "fontconfig"}
