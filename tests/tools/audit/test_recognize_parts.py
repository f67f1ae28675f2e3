"""The parts of `recognize` have an answer where no log leads them."""

import numpy as np

from paramsched.tools.audit.recognition.families import LINE, Rows
from paramsched.tools.audit.recognition.skips import skipped_updates
from paramsched.tools.audit.recognition.stages import Search
from paramsched.tools.audit.recognition.writing import Writer

T = np.arange(20.0)
ROWS = Rows(T, 1 - T / 20, np.full(20, 1e-9))


def test_a_stage_has_no_text_that_ends_before_it_begins():
    pieces = Search(ROWS).stages()
    written = [Writer(ROWS, 1.0, 1.0, end=end).write(pieces) for end in (-1.0, 0.0, 20.0)]
    assert [one is None for one in written] == [True, True, False]


def test_no_rows_have_no_fit():
    fit = LINE.fit(ROWS)
    assert fit is not None
    assert fit.refined(fit.p, ROWS.take(slice(0, 0))) is None


def test_no_stages_skip_no_updates():
    assert skipped_updates(ROWS, ()) == []
