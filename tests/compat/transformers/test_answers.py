"""What the reader answers to each config of `answers.yaml`.

`PYTHONPATH=tests python tests/compat/transformers/test_answers.py` writes the answers anew; read the diff.
"""

from pathlib import Path

from support import peer_answers

FILE = Path(__file__).with_name("answers.yaml")


def test_answers(subtests):
    peer_answers.check(FILE, subtests)


if __name__ == "__main__":
    peer_answers.write(FILE)
