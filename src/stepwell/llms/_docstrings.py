"""What a docstring says of a function and its parameters: Google's ``Args:`` and the ``:param`` form."""

import inspect
import re

SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns?|Yields?|Raises|Examples?|Notes?):\s*$")
GOOGLE = re.compile(r"^\*{0,2}(?P<name>\w+)(?:\s*\([^)]*\))?:\s+(?P<words>.*)$")
SPHINX = re.compile(r"^:param\s+(?:[\w\[\], .|]+\s+)?(?P<name>\w+):\s*(?P<words>.*)$")


def summary(docstring: str | None) -> str:
    """Return the words before the first section or parameter, as one paragraph per paragraph."""
    lines: list[str] = []
    for line in _lines(docstring):
        if SECTION.match(line) or line.startswith(":"):
            break
        lines.append(line)
    return "\n".join(lines).strip()


def parameter_descriptions(docstring: str | None) -> dict[str, str]:
    """Return what is said of each parameter, in one line each."""
    return {name: " ".join(words.split()) for name, words in _descriptions(_lines(docstring)).items()}


def _descriptions(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    in_arguments = False
    name: str | None = None
    depth = 0
    for line in lines:
        section = SECTION.match(line)
        if section:
            in_arguments, name, depth = section[1] in {"Args", "Arguments", "Parameters"}, None, 0
            continue
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        depth = depth or indent
        entry = SPHINX.match(stripped) or (GOOGLE.match(stripped) if in_arguments and indent == depth else None)
        if entry:
            name = str(entry["name"])
            found[name] = entry["words"]
        elif stripped.startswith(":") or not stripped or not indent:
            name = None
        elif name is not None:
            found[name] += " " + stripped
    return found


def _lines(docstring: str | None) -> list[str]:
    return inspect.cleandoc(docstring or "").splitlines()
