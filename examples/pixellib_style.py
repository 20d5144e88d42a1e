"""A PixelLib script with one import changed: python examples/pixellib_style.py."""

from pathlib import Path

from easyseg.semantic import semantic_segmentation

photograph = str(Path(__file__).parent / "images" / "astronaut.jpg")
Path("output").mkdir(exist_ok=True)

segment_image = semantic_segmentation()
segment_image.load_pascalvoc_model()
segvalues, output = segment_image.segmentAsPascalvoc(
    photograph, output_image_name="output/astronaut.jpg", overlay=True
)
for name, ratio in zip(segvalues["class_names"], segvalues["ratios"], strict=True):
    print(f"{ratio:5.1f} %  {name}")
