"""Python configs, read without running them: what each file is for.

- `values`: what a file may hold besides Python's own values; `NeedsRunning` marks what only running it would tell
- `limits`: the budget of steps and sizes
- `memory`: which lists and dicts unknown code may have changed; copies of values
- `source`: the text, its syntax tree, and marks with their lines
- `mentions`: which names a piece of the tree binds, and which it only mentions
- `namespace`: the names of a file and their values
- `arithmetic`, `texts`, `containers`, `functions`: operators, methods and functions, on real values
- `evaluator`: what evaluating an expression needs, and what to do in doubt
- `lookups`, `operators`, `displays`, `calls`: the kinds of expressions; `expressions`: which function is for which
- `walking`, `callables`, `produced`: how Python goes through values, and by which functions
- `statements`: the statements of a file, from top to bottom
- `base_references`, `config_file`, `reading`: a whole file, with what it takes from its bases

Nothing of a file is ever called: the interpreter knows the meaning of the operators, the methods and a few functions.
At whatever else it finds it marks what that could have changed, and goes on.
"""
