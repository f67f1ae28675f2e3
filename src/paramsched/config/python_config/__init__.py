"""Python configs, read without running them, from `reading` and `config_file` down to `values`.

Nothing of a file is ever called: the interpreter knows the meaning of the operators, the methods and a few functions.
At whatever else it finds it marks what that could have changed, and goes on.
"""
