"""Check the links in every document of a checkout: files and headings exist, and external hosts are listed here.

Sphinx also checks the pages of `docs/`; this script additionally checks the documents outside `docs/`.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOSTS = {"arxiv.org", "json-schema.org", "keepachangelog.com", "pytorch.org", "semver.org", "vega.github.io"}
"""External hosts that a document may link to. The script does not contact them."""

_LINK = re.compile(r"(?<!!)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def main() -> int:
    """Print every broken link. Return 1 if there is one, else 0."""
    documents = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("src/**/*.md"),
        *ROOT.glob("packages/*/README.md"),
        ROOT / "tests" / "README.md",
    ]
    documents = [one for one in documents if not {"_build", "_generated"} & set(one.parts)]
    broken = [line for one in sorted(documents) for line in broken_links(one)]
    for line in broken:
        print(line)
    print(f"{len(documents)} documents, {len(broken)} broken links")
    return 1 if broken else 0


def broken_links(document: Path) -> list[str]:
    """Return a line for each broken link of a document."""
    text = without_code(document.read_text(encoding="utf-8"))
    found = []
    for link in _LINK.findall(text):
        problem = problem_of(document, link)
        if problem:
            found.append(f"{document.relative_to(ROOT)}: {link}: {problem}")
    return found


def problem_of(document: Path, link: str) -> str:
    """Return the problem of a link, or "" if it is valid."""
    if re.match(r"https?://", link):
        host = link.split("/")[2]
        return "" if host in HOSTS else f"the host {host} is not listed in tools/check_links.py"
    name, _, anchor = link.partition("#")
    if "_generated" in name:
        return ""  # because the build generates and checks this page
    target = (document.parent / name).resolve() if name else document
    if not target.exists():
        return "no such file"
    if anchor and target.suffix == ".md" and anchor not in anchors_of(target):
        return "no such heading"
    return ""


def anchors_of(document: Path) -> set[str]:
    """Return the anchors of the headings of a document."""
    headings = _HEADING.findall(without_code(document.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def without_code(text: str) -> str:
    """Return a document without its code blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
