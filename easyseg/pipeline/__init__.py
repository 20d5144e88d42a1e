"""Videos through the network: threads, queues, stopping, statistics."""

from easyseg.pipeline.ahead import ahead
from easyseg.pipeline.files import Job, Range, VideoSummary, process_file
from easyseg.pipeline.segmenting import Segmenting, segment_frames
from easyseg.pipeline.statistics import statistics

__all__ = [
    "Job",
    "Range",
    "Segmenting",
    "VideoSummary",
    "ahead",
    "process_file",
    "segment_frames",
    "statistics",
]
