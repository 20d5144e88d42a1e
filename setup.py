"""Packaging of easyseg: all metadata is here; pyproject.toml holds the settings of the tools."""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
# Read as text: the package must not be imported before its requirements are there.
VERSION = re.search(
    r'^__version__ = "([^"]+)"$', (ROOT / "easyseg/__init__.py").read_text("utf-8"), re.M
)
if VERSION is None:
    raise RuntimeError('easyseg/__init__.py has no line __version__ = "..."')


class BuildWithWeights(build_py):
    """Puts weights/, which holds what is not code, into what is built: the package easyseg.weights.

    Only the build step knows of it. Were it in package_dir below, an editable install would need an
    import hook, which mypy, pyright and a Python started beside the clone do not see; without, it
    is the plain path of the clone, where the weights are found beside the package.
    """

    def finalize_options(self) -> None:
        """Adds the package where setuptools settles what is built."""
        super().finalize_options()
        self.packages = [*self.packages, "easyseg.weights"]
        self.package_dir = {**self.package_dir, "easyseg.weights": "weights"}


setup(
    name="easyseg",
    version=VERSION.group(1),
    description="One line segments a photograph: semantic segmentation on PyTorch, PixelLib-style",
    long_description=(ROOT / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="MIT AND Apache-2.0",
    license_files=["LICENSE", "weights/LICENSE.google-coral"],
    python_requires=">=3.10",
    cmdclass={"build_py": BuildWithWeights},
    packages=find_packages(include=["easyseg", "easyseg.*"]),
    package_dir={"": "."},
    package_data={
        "easyseg": ["py.typed"],
        "easyseg.weights": ["*.pt", "*.md", "LICENSE*", "SHA256SUMS"],
    },
    install_requires=[
        "torch>=2.4",
        "opencv-python>=4.11",
        "pillow>=10.1",
        "numpy>=1.26",
        "requests>=2.28",
        "tqdm>=4.64",
        "filelock>=3.12",
        "av>=14.0",
        "safetensors>=0.6.2",
        "typing_extensions>=4.8",
    ],
    extras_require={
        "keras": ["h5py>=3.8"],
        "onnx": ["onnx>=1.16", "onnxruntime>=1.18", "onnxscript>=0.1"],
        "heif": ["pillow-heif>=0.22"],
        "jxl": ["pillow-jxl-plugin>=1.3"],
        "large": ["tifffile>=2024.7.2", "imagecodecs>=2024.6.1"],
        "numba": ["numba>=0.60"],
        "openvino": ["openvino>=2024.4"],
        "plots": ["matplotlib>=3.8"],
        "virtualcam": ["pyvirtualcam>=0.11"],
        "int8": ["openvino>=2024.4", "nncf>=2.13"],
        "docs": ["mkdocs>=1.6", "mkdocs-material>=9.6", "mkdocstrings[python]>=0.30"],
        "dev": [
            "build>=1.0",
            "h5py>=3.8",
            "hypothesis>=6.100",
            "ipykernel>=6.29",
            "imagecodecs>=2024.6.1",
            "matplotlib>=3.8",
            "mypy>=1.13",
            "nbclient>=0.10",
            "pillow-heif>=0.22",
            "pillow-jxl-plugin>=1.3",
            "pycocotools>=2.0.8",
            "pytest>=8.0",
            "pytest-xdist>=3.6",
            "ruff>=0.8",
            "scikit-learn>=1.4",
            "setuptools>=64",
            "tifffile>=2024.7.2",
            "types-requests",
        ],
    },
    entry_points={"console_scripts": ["easyseg=easyseg.cli:main"]},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
)
