"""Videos through the network: threads, queues, stopping, statistics."""

from easyseg.pipeline.ahead import ahead
from easyseg.pipeline.files import process_file
from easyseg.pipeline.job import Job, Range, VideoSummary
from easyseg.pipeline.live import Live, LiveSummary, run_live
from easyseg.pipeline.resume import finished_frames, identify, identify_model
from easyseg.pipeline.segmenting import Segmenting, segment_frames, segment_newest
from easyseg.pipeline.statistics import statistics
from easyseg.pipeline.view import View

__all__ = [
    "Job",
    "Live",
    "LiveSummary",
    "Range",
    "Segmenting",
    "VideoSummary",
    "View",
    "ahead",
    "finished_frames",
    "identify",
    "identify_model",
    "process_file",
    "run_live",
    "segment_frames",
    "segment_newest",
    "statistics",
]
