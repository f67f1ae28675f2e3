"""The wheel of this tree."""

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path) -> Path:
    """Build the wheel into a folder, in this process and without a download."""
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(folder))))
