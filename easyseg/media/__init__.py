"""Pictures in and out: the only home of OpenCV and Pillow, and of their BGR.

Everything that leaves this package is RGB. `image` reads, writes and resizes; `draw` paints.
"""
