"""Draw every scheduler of torch on one page and in one picture.

python examples/gallery/make.py [FOLDER]
"""

import sys
from html import escape
from pathlib import Path

import torch
from entries import ENTRIES, PEAK, Entry
from together import TOGETHER

from paramsched import show

STEPS = 100
WIDTH = 440  # narrow, so that the labels are readable on a phone
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Schedulers</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root {{ color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }}
body {{ margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }}
main {{ display: grid; gap: 2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); }}
h2 {{ font-size: 1.1rem; margin: 0; }}
code {{ font-size: .85rem; overflow-wrap: anywhere; }}
p {{ margin: .2rem 0 .5rem; }}
h1, h2, p {{ overflow-wrap: anywhere; }}
svg {{ height: auto; width: 100%; }}
</style></head><body><h1>{count} schedulers, {steps} steps, base {base:g}</h1><main>
{entries}
</main></body></html>
"""


def main(folder: Path) -> None:
    """Write index.html and gallery.png into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    curves = [(entry, read(entry)) for entry in ENTRIES]
    sections = "\n".join(section(entry, curve) for entry, curve in curves)
    sections += "\n".join(
        f"<section><h2>{escape(title)}</h2><p>{escape(make.__doc__ or '')}</p>{show.svg(make(), width=WIDTH)}</section>"
        for title, make in TOGETHER.items()
    )
    page = PAGE.format(count=len(curves), steps=STEPS, base=PEAK, entries=sections)
    (folder / "index.html").write_text(page, encoding="utf-8")
    picture(curves, folder / "gallery.png")
    print(folder / "index.html")
    print(folder / "gallery.png")


def read(entry: Entry) -> show.RecordedCurves:
    """Build the scheduler on a new optimizer and simulate it."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=PEAK, momentum=0.9)
    return show.simulate(entry.make(optimizer), STEPS, metrics=entry.metrics)


def section(entry: Entry, curve: show.RecordedCurves) -> str:
    """Return the HTML of an entry: its constructor call, its formula and its curve."""
    drawn = show.svg(curve, width=WIDTH, height=110)
    return (
        f"<section><h2>{escape(entry.name)}</h2><p><code>{escape(entry.call)}</code><br>{escape(entry.formula)}</p>"
        f"{drawn}</section>"
    )


def picture(curves: list[tuple[Entry, show.RecordedCurves]], path: Path) -> None:
    """Draw all curves in one grid with matplotlib."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    columns = 4
    figure, grid = plt.subplots(-(-len(curves) // columns), columns, figsize=(18, 16))
    # Given, because a layout that is computed takes as long as the drawing.
    figure.subplots_adjust(left=0.03, right=0.99, bottom=0.02, top=0.98, wspace=0.15, hspace=0.25)
    for axes, (entry, curve) in zip(grid.flat, curves, strict=False):
        for name, group in curve.keys():
            axes.plot(curve[name, group], label=name)
        axes.set_title(entry.call if len(entry.call) < 45 else entry.call[:42] + "…", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.legend(fontsize=7)
    for axes in grid.flat[len(curves) :]:
        axes.remove()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/gallery"))
