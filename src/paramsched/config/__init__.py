"""Plans in files: YAML, TOML, JSON, and the dialects of other libraries; with all diagnostics at once."""

from paramsched.base.diagnostic import Diagnostic as Diagnostic
from paramsched.config.known_dialects import BaseLike as BaseLike
from paramsched.config.known_dialects import Dialect as Dialect
from paramsched.config.known_dialects import Loaded as Loaded
from paramsched.config.known_dialects import dialect_names as dialect_names
from paramsched.config.native.json_schema import schema as schema
from paramsched.config.plan_files import PlanText as PlanText
from paramsched.config.plan_files import ReadingOptions as ReadingOptions
from paramsched.config.plan_files import convert as convert
from paramsched.config.plan_files import dump as dump
from paramsched.config.plan_files import formats as formats
from paramsched.config.plan_files import load as load
from paramsched.config.plan_files import loads as loads
from paramsched.config.plan_files import open_plan as open_plan
from paramsched.lint.plan_check import check as check
from paramsched.plan.bases import NO_BASES as NO_BASES
from paramsched.plan.bases import Bases as Bases

__all__ = [
    "Bases",
    "Dialect",
    "Loaded",
    "PlanText",
    "ReadingOptions",
    "check",
    "convert",
    "dialect_names",
    "dump",
    "formats",
    "load",
    "loads",
    "open_plan",
    "schema",
]
