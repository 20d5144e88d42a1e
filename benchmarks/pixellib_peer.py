"""PixelLib in a process of its own: one picture, or one clip, for each line of input.

    python pixellib_peer.py image|video SOURCE TARGET

Needs PixelLib 0.7.1 and TensorFlow 2.12, nothing of easyseg. The weights are random: the time is
the same. PixelLib imports parts of TensorFlow from where they no longer are, in 14 lines of one
file; they are read with the lines mended, and the installed file stays as it is.
"""

import importlib.util
import sys
import types
from importlib import metadata
from pathlib import Path

from serving import serve


def import_semantic():
    """Gives PixelLib's class, with its imports mended."""
    package = Path(importlib.util.find_spec("pixellib").submodule_search_locations[0])
    file = package / "semantic" / "deeplab.py"
    source = file.read_text("utf-8")
    source = source.replace("tensorflow.python.keras.utils.layer_utils", "tensorflow.keras.utils")
    source = source.replace("tensorflow.python.keras", "tensorflow.keras")
    module = types.ModuleType("pixellib.semantic.deeplab")
    module.__file__ = str(file)
    exec(compile(source, file, "exec"), vars(module))
    sys.modules[module.__name__] = module
    from pixellib.semantic import semantic_segmentation

    return semantic_segmentation


def main():
    """Loads it once, then works once for each line."""
    kind, source, target = sys.argv[1:]
    segmenter = import_semantic()()
    versions = {name: metadata.version(name) for name in ("pixellib", "tensorflow")}

    def work():
        if kind == "image":
            segmenter.segmentAsAde20k(source, output_image_name=target, overlay=True)
        else:
            segmenter.process_video_ade20k(
                source, overlay=True, frames_per_second=25, output_video_name=target
            )

    serve(work, versions)


main()
