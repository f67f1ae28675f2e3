"""From a plan to a config of MMEngine."""

from typing import Any

from paramsched.errors import PlanError
from paramsched.plan import Plan


def config_of(plan: Plan) -> dict[str, Any]:
    raise PlanError("from_plan", "not yet")


def python_of(data: Any) -> str:
    return repr(data)
