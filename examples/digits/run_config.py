"""Train on handwritten digits from mmengine_config.py, with its own schedulers or with a plan.

python examples/digits/run_config.py                                       MMEngine's schedulers
python examples/digits/run_config.py --plan examples/digits/plan.yaml      the same run with a plan
"""

import argparse
from pathlib import Path

from paramsched.mmengine import Runner

HERE = Path(__file__).parent


def main() -> None:
    """Train, and print the accuracy of the network."""
    parser = argparse.ArgumentParser(description="Train on handwritten digits from a config.")
    parser.add_argument("--plan", help="a plan that replaces the config's schedulers")
    parser.add_argument("--output", default="runs/digits-config", help="folder for logs and checkpoints")
    parser.add_argument("--resume", action="store_true", help="continue from the newest checkpoint")
    parser.add_argument("--load-from", help="start with the weights of this checkpoint; with --resume continue its run")
    options = parser.parse_args()

    settings = {"work_dir": options.output, "resume": options.resume, "load_from": options.load_from}
    if options.plan:
        settings["param_scheduler"] = options.plan
    runner = Runner.from_cfg(HERE / "mmengine_config.py", **settings)
    runner.train()
    print(
        f"accuracy {runner.val()['accuracy']:.1%} on the held-out digits; values in {runner.work_dir / 'values.jsonl'}"
    )


if __name__ == "__main__":
    main()
