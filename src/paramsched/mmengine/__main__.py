"""Train a model from a config of MMEngine: `python -m paramsched.mmengine config.py`."""

from paramsched.mmengine.runner_distribution import main as main

if __name__ == "__main__":
    main(prog_name="python -m paramsched.mmengine")
