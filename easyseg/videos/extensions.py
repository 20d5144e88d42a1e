"""Names of files that are taken for videos; light, for those who only want to look at a name."""

VIDEO_EXTENSIONS = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".wmv",
     ".flv", ".ogv", ".3gp", ".gif"}
)  # fmt: skip
"""Extensions of files that are taken for videos, lower case, with the dot."""
