"""Loads each file named on stdin as `bean-check` does, and says how many errors it has.

One line of JSON a file: its path, the number of errors, the first of them.
"""

import json
import sys

from beancount import loader

for path in sys.stdin.read().split():
    _, errors, _ = loader.load_file(path)
    first = str(errors[0].message) if errors else None
    print(json.dumps({"path": path, "errors": len(errors), "first": first}))
