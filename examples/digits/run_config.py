"""Train on handwritten digits by mmengine_config.py, with its own schedulers or by a plan.

python examples/digits/run_config.py                                       schedulers as MMEngine's
python examples/digits/run_config.py --plan examples/digits/plan.yaml      the same run by a plan
"""

import argparse
from pathlib import Path

from paramsched.runner import Runner

HERE = Path(__file__).parent


def main() -> None:
    """Train, and say how accurate the network has become."""
    parser = argparse.ArgumentParser(description="Train on handwritten digits by a config.")
    parser.add_argument("--plan", help="a plan instead of the config's schedulers")
    parser.add_argument("--output", default="runs/digits-config", help="folder for logs and checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument("--load-from", help="begin with the weights of this checkpoint; with --resume go on from there")
    site = parser.parse_args()

    settings = {"work_dir": site.output, "resume": site.resume, "load_from": site.load_from}
    if site.plan:
        settings["param_scheduler"] = site.plan
    runner = Runner.from_cfg(HERE / "mmengine_config.py", **settings)
    runner.train()
    print(
        f"accuracy {runner.val()['accuracy']:.1%} on the held-out digits; values in {runner.work_dir / 'values.jsonl'}"
    )


if __name__ == "__main__":
    main()
