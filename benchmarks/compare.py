"""Compare two files of `make bench`: python benchmarks/compare.py OLD NEW

Ratios to a floor are comparable between machines, times are not. The exit code is 1 if a ratio rose by more than
a tenth.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TOLERANCE = 1.1  # on a busy machine, ratios of less than a microsecond vary by a third: repeat such a run


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield a line for each benchmark, and whether it became slower."""
    yield f"{old['date']}, {old['machine']} -> {new['date']}, {new['machine']}", False
    for name in old["figures"] | new["figures"]:
        before, after = (run["figures"].get(name, {}).get("ratio") for run in (old, new))
        if before is None or after is None:
            yield f"{name:<60} {'new' if before is None else 'removed'}", False
            continue
        slower = after > before * TOLERANCE
        yield f"{name:<60} {before:8.3f} -> {after:8.3f}{'  SLOWER' if slower else ''}", slower


def main(old: str, new: str) -> int:
    """Print the comparison. Return 1 if a benchmark became slower, else 0."""
    lines = list(compare(*(json.loads(Path(file).read_text(encoding="utf-8")) for file in (old, new))))
    print(*(line for line, _ in lines), sep="\n")
    return int(any(slower for _, slower in lines))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
