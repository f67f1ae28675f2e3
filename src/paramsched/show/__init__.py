"""Pictures of a plan: text, SVG, HTML, matplotlib and notebooks, from anything `Drawable`."""

from paramsched.show._axes import axes as axes
from paramsched.show._drawable import Drawable as Drawable
from paramsched.show._drawable import Log as Log
from paramsched.show._figure import Figure as Figure
from paramsched.show._figure import figure as figure
from paramsched.show._forward import Metrics as Metrics
from paramsched.show._forward import read_forward as read_forward
from paramsched.show._html import html as html
from paramsched.show._recorded import Recorded as Recorded
from paramsched.show._recorded import recorded as recorded
from paramsched.show._svg import svg as svg
from paramsched.show._text import text as text
