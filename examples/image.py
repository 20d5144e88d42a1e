"""Segments a photograph and tells what is in it: python examples/image.py [PHOTO]."""

import sys
from pathlib import Path

import easyseg

photograph = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "images" / "coffee.jpg"
result = easyseg.segment(photograph)
for area in result.classes:
    print(f"{area.ratio:6.1%}  {area.name}")
Path("output").mkdir(exist_ok=True)
print(result.save("output/image.png"))
