"""Check the links of every document in a checkout: files and headings are there, and each host outside is known.

The pages of `docs/` are checked by Sphinx too; this also reads the documents beside them, as they lie in a checkout.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOSTS = {"arxiv.org", "json-schema.org", "keepachangelog.com", "pytorch.org", "semver.org", "vega.github.io"}
"""Hosts outside that a document may name. Nothing is fetched from them."""

_LINK = re.compile(r"(?<!!)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def main() -> int:
    """Print every broken link; the exit code is 1 if there is one."""
    documents = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("src/**/*.md"),
        ROOT / "tests" / "README.md",
    ]
    documents = [one for one in documents if not {"_build", "_generated"} & set(one.parts)]
    diagnostics = [fault for one in sorted(documents) for fault in faults_of(one)]
    for fault in diagnostics:
        print(fault)
    print(f"{len(documents)} documents, {len(diagnostics)} broken links")
    return 1 if diagnostics else 0


def faults_of(document: Path) -> list[str]:
    """The broken links of one document."""
    text = without_code(document.read_text(encoding="utf-8"))
    found = []
    for link in _LINK.findall(text):
        why = fault_of(document, link)
        if why:
            found.append(f"{document.relative_to(ROOT)}: {link}: {why}")
    return found


def fault_of(document: Path, link: str) -> str:
    """What is wrong with a link; "" where nothing is."""
    if re.match(r"https?://", link):
        host = link.split("/")[2]
        return "" if host in HOSTS else f"{host} is no host that tools/check_links.py lists"
    name, _, anchor = link.partition("#")
    if "_generated" in name:
        return ""  # a page that the build makes, and checks
    target = (document.parent / name).resolve() if name else document
    if not target.exists():
        return "no such file"
    if anchor and target.suffix == ".md" and anchor not in anchors_of(target):
        return "no such heading"
    return ""


def anchors_of(document: Path) -> set[str]:
    """The names of a document's headings in links."""
    headings = _HEADING.findall(without_code(document.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def without_code(text: str) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
