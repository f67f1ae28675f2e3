"""The dialect of MMEngine, under its short name; the code is in `paramsched.config.dialects.mmengine`."""

from paramsched.config.dialects.mmengine import bases_of as bases_of
from paramsched.config.dialects.mmengine import from_plan as from_plan
from paramsched.config.dialects.mmengine import read as read
from paramsched.config.dialects.mmengine import to_plan as to_plan
from paramsched.config.dialects.mmengine import to_plans as to_plans
from paramsched.config.dialects.mmengine import write as write
