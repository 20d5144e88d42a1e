"""Shows what was downloaded: the folder, the files, their sizes."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options: there are none."""


def run(options: argparse.Namespace) -> int:
    """Prints the folder, a line for each file, and the sum.

    Returns:
        0.

    Raises:
        DownloadError: If the folder cannot be read, or there is no place for one.
    """
    from easyseg import download

    folder = download.cache_folder()
    print(folder)
    files = download.listing()
    for file in files:
        remark = "" if file.is_complete else "  (not finished)"
        print(f"{_megabytes(file.size)}  {file.path.relative_to(folder)}{remark}")
    print(f"{_megabytes(sum(file.size for file in files))}  in {len(files)} files")
    return 0


def _megabytes(size: int) -> str:
    return f"{size / 1e6:10,.1f} MB"
