"""Print a table to paste, of the tests and benchmarks that `make gpu` has run: python tools/gpu_table.py XML JSON"""

import json
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import torch


def table(tests: Path, benchmarks: Path) -> str:
    """Return a Markdown table with a row per kind of test and per benchmark."""
    cuda = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if cuda else "no CUDA device"
    counts: dict[str, Counter[str]] = {"cpu": Counter(), "cuda": Counter()}
    for case in ET.parse(tests).iter("testcase"):  # noqa: S314  # pytest has just written it
        outcomes = {child.tag for child in case} & {"failure", "error", "skipped"}
        kind = "cuda" if "cuda" in case.attrib["name"] else "cpu"
        counts[kind][next(iter(outcomes), "passed")] += 1
    run = json.loads(benchmarks.read_text(encoding="utf-8"))
    lines = [f"| {device}, torch {torch.__version__}, {run['machine']} | |", "|---|---|"]
    for kind, found in counts.items():
        lines.append(f"| tests on {kind} | {', '.join(f'{count} {what}' for what, count in found.items())} |")
    for name, one in run["figures"].items():
        lines.append(f"| {name} | {one['ratio']:.3g} (target {one['target']:g}) |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(*map(Path, sys.argv[1:])))
