"""The rules that `paramsched check` and the start of a run ask of a plan: likely mistakes, each with a cure."""
