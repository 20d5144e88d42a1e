"""Other backgrounds: a blur, another picture, cut-outs, a mosaic; see background_video.py for more.

Run it with a photograph of your own, `python examples/background.py photo.jpg`, or without.
"""

import sys
from pathlib import Path

import easyseg
from easyseg.pictures import image as media

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    output = Path("output")
    output.mkdir(exist_ok=True)
    photograph = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES / "chelsea.jpg"

    # In one line each.
    easyseg.change_background(photograph, output / "blurred.jpg", blur=0.8, model="builtin")
    easyseg.change_background(
        photograph, output / "china.jpg", image=IMAGES / "china.jpg", model="builtin"
    )

    # Segmented once, used often: every object as a picture of its own, with soft edges.
    result = easyseg.segment(photograph, dataset="voc", model="builtin")
    for number, cutout in enumerate(result.cutout(crop=True, per_object=True)):
        print(media.write(output / f"object_{number}.png", cutout))

    # Hidden rather than kept: a mosaic over animals.
    easyseg.change_background(
        photograph, output / "hidden.jpg", pixelate="extreme", classes=["cat", "dog"], invert=True,
        model="builtin",
    )  # fmt: skip


if __name__ == "__main__":
    main()
