"""Run each block of `docs/contributing` in a copy of the library, as the build of the documentation does.

- Python whose first line names a file, `# src/paramsched/…`, is appended to it. A `diff` below such a line is
  applied; `@@` begins another place in the same file.
- Other Python and commands run after that, in one namespace per page, as on other pages.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs" / "extensions"))
import page_code  # noqa: E402

_FILE = re.compile(r"# (src/paramsched/[\w/]+\.(?:py|json))\n")


def main() -> int:
    """Run each page in a copy and a process of its own. Return 1 if a block fails, else 0."""
    failed = False
    for page in sorted((ROOT / "docs" / "contributing").glob("*.md")):
        blocks = blocks_of(page)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(ROOT / "src", Path(folder, "src"), ignore=shutil.ignore_patterns("__pycache__"))
            write_files(blocks, Path(folder))
            environment = os.environ | {"PYTHONPATH": str(Path(folder, "src"))}
            done = subprocess.run([sys.executable, __file__, str(page)], env=environment, check=False)  # noqa: S603  # the page of this repository
        failed |= done.returncode != 0
        print(f"{page.relative_to(ROOT)}: {len(blocks)} blocks{' failed' if done.returncode else ''}")
    return 1 if failed else 0


def blocks_of(page: Path) -> list[page_code.Block]:
    """Return the blocks of a page.

    Raises:
        Failure: a block cannot be run.
    """
    written = page_code.blocks(page.read_text(encoding="utf-8"))
    blocks = [block for block in written if block.language != "text"]  # pictures
    for block in blocks:
        if block.language not in {"python", "diff", "console"} or block.not_run is not None:
            raise page_code.Failure(f"{page.name}: expected a block of python, diff, console or text:\n{block.text}")
    return blocks


def write_files(blocks: list[page_code.Block], folder: Path) -> None:
    """Write the blocks that name a file into a copy of the library.

    Raises:
        Failure: the lines that a diff changes are not in the file, or there twice.
    """
    for block in blocks:
        named = _FILE.match(block.text)
        if named is None:
            continue
        file, text = folder / named[1], block.text[named.end() :]
        content = file.read_text(encoding="utf-8") if file.exists() else ""
        if block.language == "python":
            content += f"\n\n{text}\n"
        else:
            for hunk in text.split("\n@@\n"):
                before = "".join(f"{line[1:]}\n" for line in hunk.splitlines() if not line.startswith("+"))
                if content.count(before) != 1:
                    raise page_code.Failure(f"{named[1]} has these lines {content.count(before)} times:\n{before}")
                content = content.replace(before, f"{page_code.after(hunk)}\n")
        file.write_text(content, encoding="utf-8")


def run(page: Path) -> None:
    """Run the blocks of a page that name no file, with the copy of the library."""
    blocks = [block for block in blocks_of(page) if not _FILE.match(block.text)]
    with page_code.folder_of_page():
        session = page_code.Page.as_pasted(page.name, blocks)
        for block in blocks:
            session.run(block)


if __name__ == "__main__":
    if sys.argv[1:]:
        run(Path(sys.argv[1]))
    else:
        sys.exit(main())
