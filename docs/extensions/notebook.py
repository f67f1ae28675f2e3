"""Write the first tutorial as an executed notebook.

python docs/extensions/notebook.py     writes docs/tutorials/first-plan.ipynb
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from page_code import PARTS, Block, Page, blocks, folder_of_page, run_commands

PAGE = Path(__file__).parents[1] / "tutorials" / "first-plan.md"
FILE = PAGE.with_suffix(".ipynb")


def notebook(page: str) -> dict[str, Any]:
    """Return a page's Markdown as a notebook, after running its blocks in order."""
    with folder_of_page():
        found = list(cells(page, Page.as_pasted(PAGE.name, blocks(page))))
    named = [{"id": f"cell-{place}"} | cell for place, cell in enumerate(found)]
    code = [cell for cell in named if cell["cell_type"] == "code"]
    for count, cell in enumerate(code, 1):
        cell["execution_count"] = count
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": named,
        "metadata": {"kernelspec": python, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def cells(page: str, run: Page) -> Iterator[dict[str, Any]]:
    """Return the cells of a page: its text, and its blocks with their output."""
    end = 0
    for part in PARTS.finditer(page):
        yield from text_cell(page[end : part.start()])
        end = part.end()
        for block in blocks(part[0]):
            yield from block_cells(block, run)
    yield from text_cell(page[end:])


def text_cell(text: str) -> Iterator[dict[str, Any]]:
    """Return a cell of text, unless the text is empty."""
    if text := text.strip():
        yield {"cell_type": "markdown", "metadata": {}, "source": lines(text)}


def block_cells(block: Block, run: Page) -> Iterator[dict[str, Any]]:
    """Run a block, and return its cells."""
    if block.file is not None:
        run.run(block)
        text = f"%%writefile {block.file}\n{block.text}"
        yield code_cell(text, printed=f"Writing {block.file}")
    elif block.language == "console":
        for command, output in run_commands(block.text):
            yield code_cell(command.replace("$ ", "!", 1), printed=output)
    else:
        yield code_cell(block.text, printed=run.run(block).rstrip())


def code_cell(source: str, *, printed: str = "") -> dict[str, Any]:
    """Return a cell of code with its output."""
    outputs: list[dict[str, Any]] = []
    if printed:
        text = lines(printed + "\n")
        outputs.append({"name": "stdout", "output_type": "stream", "text": text})
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": outputs,
        "source": lines(source),
    }


def lines(text: str) -> list[str]:
    """Return the lines of a text as a notebook's file stores them."""
    return text.splitlines(keepends=True)


def main() -> None:
    """Write the notebook."""
    made = notebook(PAGE.read_text(encoding="utf-8"))
    text = json.dumps(made, indent=1, ensure_ascii=False)
    FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
