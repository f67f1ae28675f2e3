"""Plans in files: YAML, TOML, JSON; with all problems at once."""

from paramsched.core.base.problem import Problem as Problem
from paramsched.core.files.plan_files import Loaded as Loaded
from paramsched.core.files.plan_files import PlanText as PlanText
from paramsched.core.files.plan_files import dump as dump
from paramsched.core.files.plan_files import formats as formats
from paramsched.core.files.plan_files import load as load
from paramsched.core.files.plan_files import loads as loads
from paramsched.core.files.plan_files import open_plan as open_plan
from paramsched.core.plan.plan import NO_BASES as NO_BASES
from paramsched.core.plan.plan import Bases as Bases

__all__ = [
    "Bases",
    "Loaded",
    "PlanText",
    "dump",
    "formats",
    "load",
    "loads",
    "open_plan",
]
