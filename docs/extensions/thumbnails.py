"""Directives for galleries: `{gallery}` of lines, `{recipes}` of recipes, and `{recipe}`, the picture of one."""

import hashlib
from html import escape
from pathlib import Path

import shape_lines
from docutils import nodes
from metric_run import follows_metric, run_with_loss
from plan_picture import NARROW, without_style
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import paramsched as ps
from paramsched import show
from paramsched.show._svg import svg_path

_WIDTH, _HEIGHT = 160, 50


def thumbnail(trace: show.Curves) -> str:
    """Draw the curves of a trace's first field, without text."""
    complete = show.picture(trace)
    panel = complete.panels[0]
    body = []
    for curve in panel.curves:
        times, values = panel.points_of(curve, complete.axis, _WIDTH)
        line = svg_path(
            times,
            panel.scale.fraction(values),
            complete.axis,
            width=_WIDTH,
            height=_HEIGHT,
            held=curve.held,
        )
        body.append(f'<path class="ps-c{curve.color % 8}" d="{line}"/>')
    box = f"-2 -3 {_WIDTH + 4} {_HEIGHT + 6}"
    return f'<svg class="ps" viewBox="{box}" aria-hidden="true">{"".join(body)}</svg>'


def card(name: str, text: str, address: str, picture: str) -> str:
    """Return one entry of a gallery."""
    return f'<a href="{address}">{picture}<b>{escape(name).replace("_", "_<wbr>")}</b><span>{escape(text)}</span></a>'


class Gallery(SphinxDirective):
    """Thumbnails of lines `name | schedule`, linked to the section with that name. The argument is the run's length."""

    has_content = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        cards = []
        for row in self.content:
            name, _, line = (part.strip() for part in row.partition(" | "))
            picture = thumbnail(
                run_with_loss(line)
                if follows_metric(line)
                else self.planned_run(name, line)
            )
            cards.append(card(name, "", f"#{nodes.make_id(name)}", picture))
        return [
            nodes.raw(
                "", f'<div class="gallery">{"".join(cards)}</div>', format="html"
            )
        ]

    def planned_run(self, name: str, line: str) -> show.Curves:
        """Return the rate of each update of a line that needs no metric."""
        facts = ps.Calendar(tokens_per_step=shape_lines.TOKENS_PER_UPDATE.get(name))
        return ps.trace(
            ps.Plan(lr=line, horizon=int(self.arguments[0])), {"lr": 1.0}, facts
        )


class RecipeGallery(SphinxDirective):
    """Thumbnails of recipes, linked to their sections on the page in the argument."""

    has_content = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        cards = []
        for name in self.content:
            address = f"{self.arguments[0]}.html#{nodes.make_id(name)}"
            cards.append(
                card(
                    name,
                    ps.recipes[name].title,
                    address,
                    pictures_of_recipe(self, name)[0],
                )
            )
        return [
            nodes.raw(
                "", f'<div class="gallery">{"".join(cards)}</div>', format="html"
            )
        ]


class RecipePicture(SphinxDirective):
    """A recipe's picture."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        picture = pictures_of_recipe(self, self.arguments[0])[1]
        return [
            nodes.raw(
                "", f'<div class="plan plan-small">{picture}</div>', format="html"
            )
        ]


def pictures_of_recipe(directive: SphinxDirective, name: str) -> tuple[str, str]:
    """Return a recipe's thumbnail and picture, cached for each state of the library because some runs are long."""
    folder = Path(directive.env.srcdir, "_generated", "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    recipe = ps.recipes[name]
    drawn = (recipe.plan, recipe.calendar, recipe.bases)
    state = hashlib.sha256(
        f"{directive.config.library_digest} {drawn}".encode()
    ).hexdigest()[:12]
    files = folder / f"{name}-{state}-small.svg", folder / f"{name}-{state}.svg"
    if not all(file.exists() for file in files):
        trace = ps.recipes[name].trace()
        files[0].write_text(thumbnail(trace), encoding="utf-8")
        files[1].write_text(
            without_style(show.svg(trace, width=NARROW, height=90)), encoding="utf-8"
        )
    return files[0].read_text(encoding="utf-8"), files[1].read_text(encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("gallery", Gallery)
    app.add_directive("recipes", RecipeGallery)
    app.add_directive("recipe", RecipePicture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
