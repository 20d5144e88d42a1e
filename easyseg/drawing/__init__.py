"""Paints into pictures and works on their pixels: text, outlines, charts, blending, smoothing."""
