"""Shapes of single papers: `ps.shapes.noam(512, 4000)`. In text and files, `noam(512, 4000)` is enough."""

from paramsched.core.schedules import jagged as jagged
from paramsched.core.schedules import noam as noam

__all__ = ["jagged", "noam"]
