"""Galleries: `{gallery}` of the sections of a page, `{recipes}` of all recipes; and `{recipe}`, a single picture."""

import hashlib
import re
from html import escape
from pathlib import Path

import recipe_pages
from docutils import nodes
from metric_run import follows_metric, run_with_loss
from plan_picture import NARROW, without_style
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import paramsched as ps
from paramsched import show
from paramsched.show._svg import svg_path

_WIDTH, _HEIGHT = 160, 50
_LINE = re.compile(r"^## (\w+)\n\n```\{plan\}.*\n:small:\n(.*)\n```$", re.MULTILINE)
_FACTS = ps.RunFacts(tokens_per_step=50_000_000)  # for the shapes that count tokens


def thumbnail(trace: show.Curves) -> str:
    """Draw the curves of a trace's first field, without text."""
    complete = show.picture(trace)
    panel = complete.panels[0]
    body = []
    for curve in panel.curves:
        times, values = panel.points_of(curve, complete.axis, _WIDTH)
        size = {"width": _WIDTH, "height": _HEIGHT, "held": curve.held}
        line = svg_path(times, panel.scale.fraction(values), complete.axis, **size)
        body.append(f'<path class="ps-c{curve.color % 8}" d="{line}"/>')
    box = f"-2 -3 {_WIDTH + 4} {_HEIGHT + 6}"
    return f'<svg class="ps" viewBox="{box}" aria-hidden="true">{"".join(body)}</svg>'


def card(name: str, text: str, address: str, picture: str) -> str:
    """Return one entry of a gallery."""
    return f'<a href="{address}">{picture}<b>{escape(name).replace("_", "_<wbr>")}</b><span>{escape(text)}</span></a>'


def gallery(cards: list[str]) -> list[nodes.Node]:
    """Return a gallery as a node."""
    html = f'<div class="gallery">{"".join(cards)}</div>'
    return [nodes.raw("", html, format="html")]


class Gallery(SphinxDirective):
    """Thumbnails of the plans in the sections of a page of this folder, with links; by default of this page."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        page = Path(self.env.doc2path(self.env.docname))
        other = self.arguments[0] if self.arguments else ""
        source = page.with_name(f"{other}.md") if other else page
        self.env.note_dependency(str(source))
        address = f"{other}.html" if other else ""
        return gallery(
            [
                card(
                    name,
                    "",
                    f"{address}#{nodes.make_id(name)}",
                    thumbnail(run_of(line)),
                )
                for name, line in _LINE.findall(source.read_text(encoding="utf-8"))
            ]
        )


def run_of(line: str) -> show.Curves:
    """Return the rate of each of 100 updates."""
    if follows_metric(line):
        return run_with_loss(line)
    return ps.trace(ps.Plan(lr=line, total=100), bases={"lr": 1.0}, facts=_FACTS)


class RecipeGallery(SphinxDirective):
    """Thumbnails of all recipes by area, linked to their sections on the page of the area."""

    def run(self) -> list[nodes.Node]:
        found: list[nodes.Node] = []
        for area, names in recipe_pages.areas():
            cards = [
                card(
                    name,
                    ps.recipes[name].title,
                    f"../_generated/{recipe_pages.page_of(name)}.html#{nodes.make_id(name)}",
                    pictures_of_recipe(self, name)[0],
                )
                for name in names
            ]
            found += [nodes.rubric("", area.capitalize()), *gallery(cards)]
        return found


class RecipePicture(SphinxDirective):
    """A recipe's picture."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        picture = pictures_of_recipe(self, self.arguments[0])[1]
        html = f'<div class="plan plan-small">{picture}</div>'
        return [nodes.raw("", html, format="html")]


def pictures_of_recipe(directive: SphinxDirective, name: str) -> tuple[str, str]:
    """Return a recipe's thumbnail and picture, cached for each state of the library because some runs are long."""
    folder = Path(directive.env.srcdir, "_generated", "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    recipe = ps.recipes[name]
    plotted = (recipe.plan, recipe.facts, recipe.bases)
    state = f"{directive.config.library_digest} {plotted}".encode()
    file = folder / f"{name}-{hashlib.sha256(state).hexdigest()[:12]}.html"
    if not file.exists():
        trace = recipe.trace()
        picture = without_style(show.svg(trace, width=NARROW, height=90))
        file.write_text(f"{thumbnail(trace)}\n\n{picture}", encoding="utf-8")
    small, _, large = file.read_text(encoding="utf-8").partition("\n\n")
    return small, large


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("gallery", Gallery)
    app.add_directive("recipes", RecipeGallery)
    app.add_directive("recipe", RecipePicture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
