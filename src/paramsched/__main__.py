"""`python -m paramsched` is the command `paramsched`."""

from paramsched.cli import main

if __name__ == "__main__":
    main(prog_name="python -m paramsched")
