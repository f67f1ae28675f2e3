"""Python configs, read without running them.

`evaluator` follows the statements and expressions of a file, with the operators, methods and functions of `operations`;
`memory` knows which mutable objects are still known, `name_usage` what code mentions that is not followed. `config_file`
adds the bases, `reading` is the entry point.
"""
