"""Pictures of any object that implements `Curves`, such as a trace: text, SVG, HTML, matplotlib, notebooks.

Promised, except how a picture looks. Imports only `core`.

Every module of this package is imported, so a new file with a `@picture_format` is enough to add a format.
"""

from importlib import import_module
from pkgutil import iter_modules

from paramsched.show._axes import View as View
from paramsched.show._matplotlib import axes as axes
from paramsched.show._matplotlib import plan_axes as plan_axes
from paramsched.show._notebook import FORMATS as FORMATS
from paramsched.show._notebook import Figure as Figure
from paramsched.show._notebook import PictureFormat as PictureFormat
from paramsched.show._notebook import figure as figure
from paramsched.show._notebook import format_of_file as format_of_file
from paramsched.show._notebook import mime_bundle as mime_bundle
from paramsched.show._notebook import picture_format as picture_format
from paramsched.show._panels import picture as picture
from paramsched.show._picture import DrawnCurve as DrawnCurve
from paramsched.show._picture import LegendEntry as LegendEntry
from paramsched.show._picture import Note as Note
from paramsched.show._picture import Panel as Panel
from paramsched.show._picture import Picture as Picture
from paramsched.show._svg import html as html
from paramsched.show._svg import svg as svg
from paramsched.show._text import loss_by_rate as loss_by_rate
from paramsched.show._text import text as text
from paramsched.show.plan_curves import Curves as Curves
from paramsched.show.plan_curves import Log as Log
from paramsched.show.plan_curves import LoggedRun as LoggedRun
from paramsched.show.plan_curves import Metrics as Metrics
from paramsched.show.plan_curves import PlansTogether as PlansTogether
from paramsched.show.plan_curves import RecordedCurves as RecordedCurves
from paramsched.show.plan_curves import RunsOrLog as RunsOrLog
from paramsched.show.plan_curves import curves_from_values as curves_from_values
from paramsched.show.plan_curves import simulate as simulate
from paramsched.show.plan_curves import together as together


def __dir__() -> list[str]:
    """Return the public names, without private modules and without those that only this file needs."""
    hidden = {"import_module", "iter_modules", "plan_curves"}
    return sorted(name for name in globals() if name not in hidden and not name.startswith("_"))


for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
