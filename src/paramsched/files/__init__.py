"""Plans in files: YAML and JSON; with all problems at once."""

from paramsched.base.files import naming_errors as naming_errors  # not in the list of base, which `errors` imports
from paramsched.base.files import write_whole_file as write_whole_file
from paramsched.base.problem import Problem as Problem
from paramsched.base.problem_collector import ProblemCollector as ProblemCollector
from paramsched.base.problem_collector import short_json as short_json
from paramsched.base.problem_collector import type_name_of as type_name_of
from paramsched.core.plan.plan import NO_BASES as NO_BASES
from paramsched.core.plan.plan import Bases as Bases
from paramsched.core.schedules.text import MOST_BYTES as MOST_BYTES
from paramsched.files.plan_data import schedule_from_text as schedule_from_text
from paramsched.files.plan_data import to_plan as to_plan
from paramsched.files.plan_files import WRITERS as WRITERS
from paramsched.files.plan_files import Loaded as Loaded
from paramsched.files.plan_files import PlanText as PlanText
from paramsched.files.plan_files import dump as dump
from paramsched.files.plan_files import format_of as format_of
from paramsched.files.plan_files import formats as formats
from paramsched.files.plan_files import load as load
from paramsched.files.plan_files import loads as loads
from paramsched.files.plan_files import open_plan as open_plan
from paramsched.files.plan_files import read_data as read_data
from paramsched.files.reading import decoded_text as decoded_text
from paramsched.files.reading import read_bounded as read_bounded
from paramsched.files.reading import read_bounded_text as read_bounded_text
from paramsched.files.yaml_syntax import folded_yaml as folded_yaml
