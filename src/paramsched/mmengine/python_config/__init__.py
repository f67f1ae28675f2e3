"""Python configs, read without running them.

`evaluator` follows the statements and expressions of a file, with the operators, methods and functions of `operations`;
`values` records which mutable objects are still known, `name_usage` which names skipped code mentions. `config_file`
adds the bases; `read_with_bases` of `mmengine/read_bases.py` is the entry point.
"""
