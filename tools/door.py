"""Rewrite the ``__all__`` of doors from their imports: ``python tools/door.py src/stepwell/flow/__init__.py``."""

import ast
import sys
from pathlib import Path

for name in sys.argv[1:]:
    path = Path(name)
    text = path.read_text(encoding="utf-8")
    names = sorted(
        alias.asname or alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("stepwell")
        for alias in node.names
    )
    listing = "__all__ = [\n" + "".join(f'    "{name}",\n' for name in names) + "]\n"
    begin = text.index("__all__ = [")
    end = text.index("]\n", begin) + 2
    path.write_text(text[:begin] + listing + text[end:], encoding="utf-8")
