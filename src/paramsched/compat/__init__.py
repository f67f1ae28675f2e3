"""Other libraries, one folder each: its classes, its arguments and its files. Follows the versions that they name.

Imports `engines`, `show` and `core`; never `mmengine` or `tools`. Readers of files need no torch; drop-in classes do.
"""

from pathlib import Path as _Path

READERS = {
    file.parent.name: f"{__name__}.{file.parent.name}.plans" for file in _Path(__file__).parent.glob("*/plans.py")
}
"""The module of the reader of each library whose files are read."""
