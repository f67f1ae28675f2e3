"""One of two processes: trains the cases of a folder and writes the results to the folder."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from support.engine_runs.harness import Case, run

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    cases = [Case(**case) for case in json.loads((folder / "cases.json").read_text())]
    runs = [asdict(run(case)) for case in cases]
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(runs))
    sys.stdout.flush()
    os._exit(0)  # because process groups and threads of the engines would wait for each other
