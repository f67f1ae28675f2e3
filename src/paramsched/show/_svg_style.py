"""Colors and strokes of SVG and HTML, for light and dark surroundings, as CSS."""

from typing import NamedTuple

from paramsched.show._picture import DrawnCurve, Panel

_LIGHT = {
    "paper": "#ffffff",
    "ink": "#1f2328",
    "dim": "#5d6670",
    "grid": "#e4e7eb",
    "mark": "#8c96a1",
    "bad": "#cf222e",
    "good": "#1a7f37",
    "curves": "#0969da #d1570a #1a7f5a #9a3fb5 #9a6700 #087f8c #c2255c #57606a",
}
_DARK = {
    "paper": "#0f1318",
    "ink": "#e6edf3",
    "dim": "#97a1ac",
    "grid": "#252c35",
    "mark": "#6b7683",
    "bad": "#ff7b72",
    "good": "#56d364",
    "curves": "#58a6ff #f0883e #3fb985 #cf8df0 #d9a514 #39c5cf #f783ac #9da7b1",
}
_SHAPES = """\
.ps text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
.ps .ps-code{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.ps .ps-head{font-size:15px;font-weight:650}
.ps .ps-y{text-anchor:end}
.ps .ps-x{text-anchor:middle}
.ps path{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.ps path.ps-wide{stroke-width:6;stroke-opacity:.4}
.ps path.ps-used{stroke-width:1.4}
.ps path.ps-other{stroke-dasharray:6 4}
.ps .ps-break{stroke-dasharray:2 3}
.ps rect.ps-differs{fill-opacity:.13}
"""


def _color_rules(name: str, tone: dict[str, str]) -> str:
    """The rules of the class `name` for one of the two surroundings."""
    rules = [
        f"{name} .ps-paper{{fill:{tone['paper']}}}",
        f"{name} text{{fill:{tone['ink']}}}",
        f"{name} .ps-dim{{fill:{tone['dim']}}}",
        f"{name} .ps-grid{{stroke:{tone['grid']}}}",
        f"{name} .ps-break{{stroke:{tone['mark']}}}",
        f"{name} .ps-used{{stroke:{tone['ink']}}}",
        f"{name} .ps-differs{{fill:{tone['bad']}}}",
        f"{name} .ps-good{{fill:{tone['good']}}}",
    ]
    for index, color in enumerate(tone["curves"].split()):
        rules.append(f"{name} .ps-c{index}{{stroke:{color}}}")
        rules.append(f"{name} circle.ps-c{index}{{fill:{color}}}")
    return "\n".join(rules)


def style_sheet() -> str:
    """The style sheet of a picture; every rule is confined to the class `ps`.

    It has plain properties and no variables, for programs that draw SVG and are no browsers.
    """
    light, dark = _color_rules(".ps", _LIGHT), _color_rules(".ps", _DARK)
    return f"{_SHAPES}{light}\n@media (prefers-color-scheme:dark){{\n{dark}\n}}\n"


class Stroke(NamedTuple):
    """How a curve is drawn: the class of its color, the class of its role, and an attribute for further colors."""

    color: str
    role: str
    style: str

    @property
    def classes(self) -> str:
        """Both classes, as an attribute has them."""
        return " ".join(filter(None, [self.color, self.role]))


def stroke_of(panel: Panel, curve: DrawnCurve) -> Stroke:
    """The stroke of a curve; the log of one run has the color of text, and a plan below a log is wide and pale."""
    if curve.kind == "log" and not curve.owner:
        return Stroke("", "ps-used", "")
    usual = "ps-wide" if panel.has_log else ""
    role = {"log": "ps-used", "other": "ps-other", "metric": "ps-used", "plan": usual}[curve.kind]
    many = max(len(panel.curves), curve.color + 1)
    if many <= 8:
        return Stroke(f"ps-c{curve.color % 8}", role, "")
    # There are eight named colors; more curves take theirs from a rainbow.
    hue = round(220 - 200 * (curve.color % many) / (many - 1))
    return Stroke("ps-many", role, f' style="stroke:hsl({hue},70%,48%)"')
