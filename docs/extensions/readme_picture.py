"""Draw the picture of the README: its plan file next to the curves, as one SVG for light and dark screens.

python docs/extensions/readme_picture.py     writes docs/static/plan.svg
"""

import re
from html import escape
from pathlib import Path

import numpy as np

import paramsched as ps

README = Path(__file__).parents[2] / "README.md"
FIELDS = ("lr", "weight_decay", "betas[0]")
BASE = {"lr": 0.003, "weight_decay": 0.05, "betas": (0.9, 0.999)}
FILE = Path(__file__).parents[1] / "static" / "plan.svg"

WIDTH, HEIGHT, LEFT, PANEL = (
    1000,
    316,
    545,
    440,
)  # of the picture; where the curves start, and their width
STYLE = """\
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#1f2328;white-space:pre}
.dim{fill:#5d6670;font-size:12px}.end{text-anchor:end}.key{fill:#0550ae}.text{fill:#0a6640}
.card{fill:#f6f8fa;stroke:#d8dee4}.axis{stroke:#d8dee4}
.curve{fill:none;stroke:#0969da;stroke-width:2.4;stroke-linejoin:round}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.dim{fill:#97a1ac}.key{fill:#79c0ff}.text{fill:#7ee0a8}
.card{fill:#161b22;stroke:#30363d}.axis{stroke:#30363d}.curve{stroke:#58a6ff}}"""


def picture() -> str:
    """Return the picture as SVG."""
    plan = re.search(
        r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )[1]
    trace = ps.trace(ps.loads(plan), BASE, steps_per_epoch=45)
    lines = [
        f'<text x="28" y="{92 + 29 * row}">{colored(line)}</text>'
        for row, line in enumerate(plan.splitlines())
    ]
    curves = [
        panel(field, trace[field, 0], 22 + 96 * row)
        for row, field in enumerate(FIELDS)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            "<title>A plan file, and the curves of learning rate, weight decay and beta1 that it describes</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="card" x=".5" y=".5" width="{LEFT - 32}" height="{HEIGHT - 1}" rx="8"/>',
            *lines,
            *curves,
            f'<text class="dim" x="{LEFT}" y="{HEIGHT - 4}">epoch 0</text>',
            f'<text class="dim end" x="{LEFT + PANEL}" y="{HEIGHT - 4}">20</text>',
            "</svg>\n",
        ]
    )


def panel(field: str, values: np.ndarray, top: int) -> str:
    """Return the curve of one field between its lowest value, or 0, and its highest."""
    low = 0.0 if field != "betas[0]" else values.min()
    height = 60
    x = LEFT + PANEL * np.arange(len(values)) / len(values)
    y = top + 16 + height * (1 - (values - low) / (values.max() - low))
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[::9], y[::9], strict=True))
    bottom = top + 16 + height
    return (
        f'<text class="dim" x="{LEFT}" y="{top + 8}">{field}</text>'
        f'<text class="dim end" x="{LEFT + PANEL}" y="{top + 8}">{low:g} to {values.max():g}</text>'
        f'<path class="axis" d="M{LEFT} {bottom}h{PANEL}"/><polyline class="curve" points="{points}"/>'
    )


def colored(line: str) -> str:
    """Return a line of the plan with its key and its texts in quotes colored."""
    line = re.sub(
        r'("[^"]*")', r'<tspan class="text">\1</tspan>', escape(line, quote=False)
    )
    line = re.sub(r"^([\w\[\]]+)(?=:)", r'<tspan class="key">\1</tspan>', line)
    return re.sub(r"^(#.*)$", r'<tspan class="dim">\1</tspan>', line)


if __name__ == "__main__":
    FILE.write_text(picture(), encoding="utf-8")
