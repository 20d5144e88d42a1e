"""A small picture in every format, and how Pillow sees it."""

import io

import cv2
import numpy as np
from PIL import Image as PillowImage

from easyseg.pictures import image


def make_picture(height=40, width=60):
    noise = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


PICTURE = make_picture()
PILLOW = PillowImage.fromarray(PICTURE)
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "JPEG2000"]
HAS_AVIF = ".avif" in image.IMAGE_EXTENSIONS
if HAS_AVIF:
    FORMATS.append("AVIF")


def encoded(format_name, picture=PILLOW, **options):
    file = io.BytesIO()
    picture.save(file, format_name, **options)
    return file.getvalue()


def as_pillow_sees_it(data):
    with PillowImage.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))
