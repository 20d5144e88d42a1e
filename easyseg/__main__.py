"""Runs the command line: `python -m easyseg`."""

import sys

from easyseg.cli import main

if __name__ == "__main__":
    sys.exit(main())
