"""Other backgrounds for photographs and videos: the face, and what stands behind it."""

from easyseg.background.api import change_background, change_background_video
from easyseg.background.camera import change_background_camera, change_live
from easyseg.background.change import Change, choose_dataset, find_segmenter
from easyseg.background.files import change_file, change_file_drawing
from easyseg.background.moving import LoopedVideo, frame_clock

__all__ = [
    "Change",
    "LoopedVideo",
    "change_background",
    "change_background_camera",
    "change_background_video",
    "change_file",
    "change_file_drawing",
    "change_live",
    "choose_dataset",
    "find_segmenter",
    "frame_clock",
]
