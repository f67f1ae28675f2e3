"""Installed distributions in a temporary folder, with the files that entry points need."""

from pathlib import Path


def install(site: Path, group: str, *entry_points: str, name: str = "drawn-configs") -> str:
    """Install a distribution with these entry points. Return the folder for `sys.path`."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *entry_points, ""]))
    return str(site)
