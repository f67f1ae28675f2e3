"""Write the public address of the project wherever one is needed: python tools/address.py URL [DOCS_URL]

`[project.urls]` in pyproject.toml is the one place: the package page (`tools/hatch_build.py`) and the documentation
(`docs/conf.py`) read it there. GitHub reads the contacts of the issue templates only from their own file.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def write_address(url: str, docs: str, root: Path = ROOT) -> None:
    """Write the address of the repository and of its documentation into the files of a checkout."""
    file = root / "pyproject.toml"
    text = re.sub(r"\[project\.urls\]\n(.+\n)+\n", "", file.read_text(encoding="utf-8"))
    urls = f"""[project.urls]
Source = "{url}"
Documentation = "{docs}"
Changelog = "{url}/blob/HEAD/CHANGELOG.md"
Issues = "{url}/issues"

"""
    file.write_text(text.replace("[project.scripts]\n", f"{urls}[project.scripts]\n"), encoding="utf-8")
    (root / ".github" / "ISSUE_TEMPLATE" / "config.yml").write_text(
        f"""contact_links:
  - name: Documentation
    url: {docs}
    about: Tutorials, how-to pages and the reference.
  - name: Security
    url: {url}/security/advisories/new
    about: Report a vulnerability in private.
""",
        encoding="utf-8",
    )


if __name__ == "__main__":
    arguments = [one.rstrip("/") for one in sys.argv[1:] if one]
    if not arguments or not all(re.fullmatch(r"https://[\w.-]+(/[\w.~-]+)*", one) for one in arguments):
        sys.exit(
            f"expected an https address, got {' '.join(arguments) or 'none'}\npython tools/address.py https://example.org/paramsched"
        )
    write_address(arguments[0], arguments[-1])
