"""A wrong call in the text of a schedule gets the same message, whatever reads the text."""

import pytest
import torch

import paramsched as ps
from paramsched.errors import ConfigError, InvalidCall
from support.excluded_arguments import BUILDERS

READERS = {
    "Binding": lambda line: ps.Binding("lr", line),
    "Plan": lambda line: ps.Plan(lr=line, horizon=100),
    "Plan of bindings": lambda line: ps.Plan(ps.Binding("lr", line), horizon=100),
    "change": lambda line: ps.Plan(lr="cosine()", horizon=100).change(lr=line, at=50),
    "Scheduler": lambda line: ps.Scheduler(torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1), line, total=9),
    "trace": lambda line: ps.trace(line, {"lr": 0.1}, ps.Calendar(total=100)),
}


def said_of_a_file(line):
    """Return the problems of a file with this line; an empty text if it has none."""
    try:
        ps.loads({"lr": line})
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("reader", READERS)
def test_each_reader_of_a_line_says_what_a_file_says(reader):
    wrong = {f"{name}{arguments}" for name in BUILDERS for arguments in ("(unknown_word=5)", "(ovr=5)", "(1, 2, 3, 4)")}
    said = {line: text for line in sorted(wrong) if (text := said_of_a_file(line))}

    differ = {}
    for line, text in said.items():
        with pytest.raises(ps.InvalidArgument) as error:
            READERS[reader](line)
        if isinstance(error.value, InvalidCall) and str(error.value) not in text:
            differ[line] = str(error.value), text

    assert len(said) > 2 * len(BUILDERS)
    assert differ == {}
