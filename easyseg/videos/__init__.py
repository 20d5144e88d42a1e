"""Video files in and out: frames with their exact times, and the tracks beside them."""
