"""Shapes of single papers and libraries: `ps.shapes.noam(512, 4000)`. In text and files, `noam(512, 4000)` is enough.

Most runs need none of them. Where a shape of `paramsched` has the same curve, prefer it: `wsd` for `trapezoid`.
"""

from paramsched.core.feedback import new_bob as new_bob
from paramsched.core.schedules import ademamix_beta3 as ademamix_beta3
from paramsched.core.schedules import chebyshev as chebyshev
from paramsched.core.schedules import ema_power as ema_power
from paramsched.core.schedules import ema_warmup as ema_warmup
from paramsched.core.schedules import gaussian_warmup as gaussian_warmup
from paramsched.core.schedules import jagged as jagged
from paramsched.core.schedules import noam as noam
from paramsched.core.schedules import radam_warmup as radam_warmup
from paramsched.core.schedules import rsqrt as rsqrt
from paramsched.core.schedules import slanted_triangular as slanted_triangular
from paramsched.core.schedules import t5 as t5
from paramsched.core.schedules import trapezoid as trapezoid
from paramsched.core.schedules import tri_stage as tri_stage
from paramsched.core.schedules import untuned_exponential_warmup as untuned_exponential_warmup
from paramsched.core.schedules import untuned_linear_warmup as untuned_linear_warmup

__all__ = [
    "ademamix_beta3",
    "chebyshev",
    "ema_power",
    "ema_warmup",
    "gaussian_warmup",
    "jagged",
    "new_bob",
    "noam",
    "radam_warmup",
    "rsqrt",
    "slanted_triangular",
    "t5",
    "trapezoid",
    "tri_stage",
    "untuned_exponential_warmup",
    "untuned_linear_warmup",
]
