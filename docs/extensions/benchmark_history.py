"""The directive `{benchmark-history}`: the ratio of each benchmark in each release, as bars and figures."""

import json
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FOLDER = Path(__file__).parents[2] / "benchmarks" / "history"


def releases() -> dict[str, dict[str, Any]]:
    """Return the run of each release by its version, the oldest first."""
    files = {
        file.stem: json.loads(file.read_text(encoding="utf-8"))
        for file in FOLDER.glob("*.json")
    }
    return dict(sorted(files.items(), key=lambda item: (item[1]["date"], item[0])))


def rows(
    runs: dict[str, dict[str, Any]],
) -> list[tuple[str, float, list[float | None]]]:
    """Return the name, the target and the ratio in each release, for every benchmark of the newest one."""
    newest = list(runs.values())[-1]["figures"]
    return [
        (
            name,
            one["target"],
            [run["figures"].get(name, {}).get("ratio") for run in runs.values()],
        )
        for name, one in newest.items()
    ]


def bars(target: float, ratios: list[float | None]) -> str:
    """Draw a bar per release, with a line at the target; a bar ends at twice the target."""
    height = 12 * len(ratios)
    drawn = [
        f'<rect class="{"ps-c1" if ratio > 1.1 * target else "ps-c0"}" style="fill:currentColor;stroke:none" '
        f'x="0" y="{12 * index + 2}" width="{min(2.0, ratio / target) * 60:.1f}" height="8"/>'
        for index, ratio in enumerate(ratios)
        if ratio is not None
    ]
    drawn.append(f'<path d="M60 0V{height}" style="stroke:currentColor"/>')
    size = f'viewBox="0 0 120 {height}" width="120" height="{height}"'
    return f'<svg {size} aria-hidden="true">{"".join(drawn)}</svg>'


class BenchmarkHistory(SphinxDirective):
    """A table with a row per benchmark."""

    def run(self) -> list[nodes.Node]:
        runs = releases()
        self.env.note_dependency(str(FOLDER))
        heads = [
            f"{version}<br><small>{run['date']}<br>{escape(run['machine'])}</small>"
            for version, run in runs.items()
        ]
        lines = [
            f"<tr><td>{escape(name)}</td><td>{bars(target, ratios)}</td><td>{target:g}</td>"
            + "".join(
                f"<td>{'' if ratio is None else f'{ratio:.3g}'}</td>"
                for ratio in ratios
            )
            + "</tr>"
            for name, target, ratios in rows(runs)
        ]
        head = "".join(
            f"<th>{one}</th>" for one in ["benchmark", "", "target", *heads]
        )
        content = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
        table = f'<div class="table-wrapper"><table class="docutils">{content}</table></div>'
        return [nodes.raw("", table, format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("benchmark-history", BenchmarkHistory)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
