"""The README of the package page: its relative links are absolute, or plain text while the address is unknown."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://|#)([^)\s]+)\)")


class PackagePage(MetadataHookInterface):
    """Set `readme`. The address is `Source` in `[project.urls]` of pyproject.toml."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README to the metadata of the project."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        source = metadata.get("urls", {}).get("Source")
        tag = f"v{metadata['version']}"

        def absolute(link: re.Match[str]) -> str:
            image, label, path = link.groups()
            if source is None:
                return "" if image else label
            return f"{image}[{label}]({source}/{'raw' if image else 'blob'}/{tag}/{path})"

        metadata["readme"] = {"content-type": "text/markdown", "text": LINK.sub(absolute, text)}
