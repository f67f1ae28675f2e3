"""What metric rules return, and the errors of wrong arguments and states.

The calls are in `calls.yaml`, which `python -m support.calls` writes again.
"""

from support import calls

test_calls = calls.test_of(__file__)
