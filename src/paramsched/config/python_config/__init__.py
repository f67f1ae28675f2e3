"""Python configs, read without running them: what each file is for.

- `values`: what a file may hold besides Python's own values; `NeedsRunning` marks what only running it tells; the
  budget of steps and sizes; which lists and dicts unknown code may have changed
- `mentions`: the text, its syntax tree, which names a piece of it binds, and which it only mentions
- `arithmetic`, `containers`, `functions`: operators, methods and functions, on real values
- `evaluator`: what evaluating an expression needs, the names of a file among it, and what to do in doubt
- `lookups`, `calls`: the kinds of expressions, and which function is for which
- `walking`: how Python goes through values, and by which functions
- `statements`: the statements of a file, from top to bottom
- `config_file`, `reading`: a whole file, with what it takes from its bases

Nothing of a file is ever called: the interpreter knows the meaning of the operators, the methods and a few functions.
At whatever else it finds it marks what that could have changed, and goes on.
"""
