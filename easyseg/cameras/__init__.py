"""Live pictures in and out: cameras, network streams, and a camera that other programs see."""
