"""Durations of training, and the run facts that convert their units."""

from paramsched.core.time.duration import COUNTS_OF_A_PERCENT as COUNTS_OF_A_PERCENT
from paramsched.core.time.duration import PROGRESS as PROGRESS
from paramsched.core.time.duration import UNIT_NAMES as UNIT_NAMES
from paramsched.core.time.duration import WHOLE as WHOLE
from paramsched.core.time.duration import Duration as Duration
from paramsched.core.time.duration import DurationLike as DurationLike
from paramsched.core.time.duration import amount_text as amount_text
from paramsched.core.time.duration import count_of as count_of
from paramsched.core.time.duration import counts_in_unit as counts_in_unit
from paramsched.core.time.duration import times_on as times_on
from paramsched.core.time.run_facts import CLOCK_SYNONYMS as CLOCK_SYNONYMS
from paramsched.core.time.run_facts import CLOCKS as CLOCKS
from paramsched.core.time.run_facts import SIZES as SIZES
from paramsched.core.time.run_facts import UPDATES as UPDATES
from paramsched.core.time.run_facts import Facts as Facts
from paramsched.core.time.run_facts import RunFacts as RunFacts
from paramsched.core.time.run_facts import facts_if_passed as facts_if_passed
from paramsched.core.time.run_facts import facts_of_call as facts_of_call
