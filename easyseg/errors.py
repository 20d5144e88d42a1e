"""The errors easyseg raises on purpose: one base class, a child per kind of trouble.

Every message says what was expected, what came and what to do.
"""


class EasysegError(Exception):
    """Base of every error that easyseg raises on purpose: catch this one to catch them all."""


class InputError(EasysegError, ValueError):
    """An argument is wrong: its type, shape, range, or a name that is not known."""


class MediaError(EasysegError):
    """A picture, video or stream cannot be read or written."""


class ModelError(EasysegError):
    """A model cannot be found, built or loaded."""


class DownloadError(EasysegError):
    """Something could not be fetched over the network."""


class EasysegWarning(UserWarning):
    """Something goes on, but not quite as it was asked for."""
