"""The directive `{plan}`: a plan as text to paste, and the picture that the library draws of it.

    ```{plan} --steps-per-epoch 45 --base lr=0.001
    total: 20 epochs
    lr: warmup("2 epochs") >> cosine(to=0.01)
    ```

Options of `paramsched show` follow the name. The content is a plan, or one line for the learning rate.
An error in the plan and a run fact that would have to be assumed are warnings of the build.
"""

import contextlib
import io
import json
import re
import shlex
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import click
import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from metric_run import LOSS_PANEL, follows_metric, run_with_loss
from numpy.typing import ArrayLike
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from paramsched import show
from paramsched.cli.commands.show import Drawing, drawing_options

WIDE, NARROW = 736, 350  # pixels: the width of furo's column, and of a phone
_FIELD = re.compile(r"^[\w\[\], @\"']+:", re.MULTILINE)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@click.command()
@click.option("-o", "--output")
@click.option("--height")
@drawing_options
def _drawing(drawing: Drawing, **_: object) -> Drawing:
    """Return what `paramsched show` draws for the same arguments."""
    return drawing


class PlanDirective(SphinxDirective):
    """A plan's text and its picture."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Any]] = {
        "file": directives.unchanged,
        "picture-only": directives.flag,
        "small": directives.flag,
        "used": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        text = "\n".join(self.content)
        name = self.options.get("file", "plan.yaml")
        small, log = "small" in self.options, self.recorded_values()
        options = self.arguments[0] if self.arguments else ""
        is_line = "\n" not in text and not _FIELD.match(text)
        try:
            picture = pictures(
                text, name, options, is_line=is_line, small=small, log=log
            )
        except Exception as error:  # because any error of a plan is reported at the location of the directive
            raise self.error(f"{type(error).__name__}: {error}") from error
        shown = nodes.container(classes=["plan"])
        if "picture-only" not in self.options:
            code: nodes.Element = nodes.literal_block(
                text, text, language="text" if is_line else Path(name).suffix[1:]
            )
            self.set_source_info(code)
            if "file" in self.options:
                code = nodes.container(
                    "", nodes.caption(name, name), code, literal_block=True
                )
                code["classes"] += ["literal-block-wrapper"]
            shown += code
        shown += nodes.raw("", picture, format="html")
        return [shown]

    def recorded_values(self) -> show.Log | None:
        """Return the rates that another library used, from `coming_from/original_values.json`; the tests write it."""
        if "used" not in self.options:
            return None
        file = Path(self.env.srcdir, "coming_from", "original_values.json")
        values = json.loads(file.read_text(encoding="utf-8"))[self.options["used"]]
        return {("lr", 0): (range(len(values)), values)}


def pictures(
    text: str,
    name: str,
    options: str = "",
    *,
    is_line: bool = False,
    small: bool = False,
    log: show.Log | None = None,
) -> str:
    """Return a plan's picture as HTML, for wide and for narrow screens.

    Raises:
        ValueError: a run fact was missing, and a value was assumed.
    """
    notes = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(notes):
        file = Path(folder, Path(name).name)
        file.write_text(text + "\n", encoding="utf-8")
        arguments = [text if is_line else str(file), *shlex.split(options)]
        trace, more = _drawing(arguments, standalone_mode=False).data()
    assumed = [
        line
        for line in notes.getvalue().splitlines()
        if "the first update is 0" not in line
    ]
    if assumed:
        raise ValueError("\n".join(assumed).strip())
    log = (
        None
        if log is None
        else {
            key: (times, as_planned(values, trace[key]))
            for key, (times, values) in log.items()
        }
    )
    if small:
        with_loss = is_line and follows_metric(text)
        if with_loss:
            trace = run_with_loss(text)
        more["log"] = LOSS_PANEL if with_loss else log
        picture = show.svg(trace, width=NARROW, height=90, **more)
        return f'<div class="plan-small">{without_style(picture)}</div>'
    return two_widths(trace, **more | {"log": log})


def picture_of_command(arguments: list[str]) -> str:
    """Return the picture that `paramsched show` draws, for wide and for narrow screens."""
    trace, more = _drawing(arguments, standalone_mode=False).data()
    return two_widths(trace, **more)


def as_planned(values: ArrayLike, planned: ArrayLike) -> ArrayLike:
    """Replace each value that equals the planned one up to rounding by the planned one.

    Other libraries multiply step by step, so their values differ in the last digits.
    """
    return np.where(
        np.isclose(values, planned, rtol=1e-12, atol=1e-14), planned, values
    )


def two_widths(trace: show.Curves, **options: Any) -> str:
    """Return curves as HTML, for wide and for narrow screens; the site's style sheet shows one of them."""
    wide = without_style(show.svg(trace, width=WIDE, height=130, **options))
    narrow = without_style(show.svg(trace, width=NARROW, height=110, **options))
    return (
        f'<div class="plan-wide">{wide}</div><div class="plan-narrow">{narrow}</div>'
    )


def without_style(svg: str) -> str:
    """Remove the styles from a picture, because the page has the pictures' style sheet."""
    return _STYLE.sub("", svg)


def write_style_sheet(app: Sphinx) -> None:
    """Write the pictures' colors as a style sheet that follows the light or dark mode chosen on the page."""
    curve = show.curves_from_values({("lr", 0): [1.0, 0.0]})
    found = _STYLE.search(show.svg(curve))
    assert found is not None
    light, dark = found[1].split("@media (prefers-color-scheme:dark){")
    dark_rules = [line for line in dark.splitlines() if line.startswith(".ps")]
    chosen = "\n".join(f'body[data-theme="dark"] {rule}' for rule in dark_rules)
    automatic = "\n".join(f'body[data-theme="auto"] {rule}' for rule in dark_rules)
    css = (
        f"{light}\n{chosen}\n@media (prefers-color-scheme:dark){{\n{automatic}\n}}\n"
    )
    css += "body .ps .ps-paper, body[data-theme] .ps .ps-paper { fill: none }\n"
    folder = Path(app.srcdir, "_generated", "static")
    folder.mkdir(parents=True, exist_ok=True)
    Path(folder, "pictures.css").write_text(css, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("plan", PlanDirective)
    app.connect("builder-inited", write_style_sheet)
    app.add_css_file("pictures.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
