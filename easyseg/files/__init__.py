"""Files: how they are opened, named and replaced, whatever is in them."""

from easyseg.files.guard import check_replaceable, guarding, protect
from easyseg.files.interrupts import uninterrupted
from easyseg.files.names import plain_name
from easyseg.files.pending import PendingFile, replace_by, replace_file
from easyseg.files.scratch import scratch_folder
from easyseg.files.targets import check_target, make_folder
from easyseg.files.words import may_be_read, open_to_read

__all__ = [
    "PendingFile",
    "check_replaceable",
    "check_target",
    "guarding",
    "make_folder",
    "may_be_read",
    "open_to_read",
    "plain_name",
    "protect",
    "replace_by",
    "replace_file",
    "scratch_folder",
    "uninterrupted",
]
