"""What the functions of a run return that need no optimizer: amounts, bases, records and histories.

The calls are in `calls.yaml`, which `python -m support.calls` writes again.
"""

from support import calls

test_calls = calls.test_of(__file__)
