"""Plans that the errors of readers suggest can be read. The errors are in the `answers.yaml` of each library."""

import re
from pathlib import Path

import paramsched as ps
from support import answers

TESTS = Path(__file__).parents[2]
SUGGESTED = re.compile(r"(?:Write|Use|For example)[^:]*:? ?(lr: .+?\(.+?\))(?: \((?:at the key|fix: ).*)?$")


def test_the_plans_that_errors_suggest_can_be_read():
    suggested = [
        line[1]
        for file in (*TESTS.glob("compat/*/answers.yaml"), TESTS / "mmengine" / "reader" / "answers.yaml")
        for answer in answers.read(file)
        for error in answer.get("errors", ())
        if (line := SUGGESTED.search(error))
    ]

    for line in suggested:
        assert str(ps.loads(line)).startswith("lr")
    assert len(suggested) > 10
