"""What the reader answers to each config of `answers.yaml`.

`PYTHONPATH=tests python tests/compat/composer/test_answers.py` writes the answers anew; read the diff.
"""

from pathlib import Path

from support import answers, peer_answers

FILE = Path(__file__).with_name("answers.yaml")


@answers.in_parts(FILE)
def test_answers(places, subtests):
    peer_answers.check(FILE, places, subtests)


if __name__ == "__main__":
    peer_answers.write(FILE)
