"""What a step's source says beyond its signature: children it runs, events it sends, waits for and streams.

The source is read, never run: names are looked up where the function would find them, in its closure, its
globals and the modules already loaded. What cannot be resolved that way is reported as its text.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from stepwell.flow._definition import StepDefinition
from stepwell.flow._events import Event
from stepwell.flow._signature import is_event_class

MISSING = object()
CALLS = ("run_child", "send_event", "wait_for_event", "write_event_to_stream")


@dataclass(frozen=True, slots=True)
class Mention:
    """The first argument of a call on the context: the ``value`` it names, or ``MISSING`` and its ``text``."""

    call: str
    value: object
    text: str

    @property
    def event(self) -> type[Event] | None:
        """The event class that is named, if it is one."""
        value: Any = self.value
        return value if is_event_class(value) else None


def signature_text(step: StepDefinition) -> str:
    """Return the step's signature as it is written, or as Python prints it when the source is not at hand."""
    tree = _parsed(step)
    if tree is None:
        return f"{step.name}{inspect.signature(step.function)}"
    prefix = "async def" if isinstance(tree, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(tree.returns)}" if tree.returns is not None else ""
    return f"{prefix} {tree.name}({ast.unparse(tree.args)}){returns}"


def mentions(step: StepDefinition, owner: object) -> Iterator[Mention]:
    """Yield what the calls on the context name, in the order of the source.

    ``owner`` is the workflow's class, or an instance whose attributes tell more.
    """
    tree = _parsed(step)
    if tree is None or step.signature.context is None:
        return
    names = _Names(step, tree, owner)
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CALLS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == step.signature.context
    ]
    for call in sorted(found, key=lambda node: (node.lineno, node.col_offset)):
        argument = _first_argument(call)
        if argument is not None:
            assert isinstance(call.func, ast.Attribute)
            yield Mention(call.func.attr, names.value(argument), ast.unparse(argument))


def _first_argument(call: ast.Call) -> ast.expr | None:
    if call.args:
        return call.args[0]
    return call.keywords[0].value if call.keywords else None


def _parsed(step: StepDefinition) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(step.function)))
        body = ast.parse(source).body
    except (OSError, TypeError, SyntaxError):
        return None
    (found,) = body or (None,)
    return found if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)) else None


class _Names:
    """Resolves expressions of one function to classes or objects, without running anything."""

    def __init__(self, step: StepDefinition, tree: ast.FunctionDef | ast.AsyncFunctionDef, owner: object) -> None:
        self.function: Callable[..., Any] = inspect.unwrap(step.function)
        self.owner = owner
        first = tree.args.args[0].arg if step.bound and tree.args.args else None
        self.self_name = first
        self.assigned: dict[str, list[ast.expr]] = {}
        self.imported: dict[str, tuple[str, str | None]] = {}
        for node in ast.walk(tree):
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.assigned.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            self.assigned.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                self.imported[alias.asname or alias.name] = (node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    self.imported[alias.asname] = (alias.name, None)

    def value(self, expression: ast.expr, depth: int = 0) -> object:
        """Return the object that an expression names; a call stands for the class that is called."""
        if depth > 8:
            return MISSING
        match expression:
            case ast.Call():
                called = self.value(expression.func, depth + 1)
                return called if inspect.isclass(called) else MISSING
            case ast.Name():
                return self._name(expression.id, depth)
            case ast.Attribute():
                return self._attribute(expression, depth)
            case ast.Subscript():
                return self.value(expression.value, depth + 1)
            case _:
                return MISSING

    def _name(self, name: str, depth: int) -> object:
        assigned = self.assigned.get(name)
        if assigned is not None:
            values = {id(value): value for value in (self.value(one, depth + 1) for one in assigned)}
            return next(iter(values.values())) if len(values) == 1 else MISSING
        if name in self.imported:
            return _loaded(*self.imported[name])
        code = self.function.__code__
        if name in code.co_freevars and self.function.__closure__:
            try:
                return self.function.__closure__[code.co_freevars.index(name)].cell_contents
            except ValueError:  # assigned only later in the enclosing function
                return MISSING
        return self.function.__globals__.get(name, MISSING)

    def _attribute(self, expression: ast.Attribute, depth: int) -> object:
        if isinstance(expression.value, ast.Name) and expression.value.id == self.self_name:
            return _static(self.owner, expression.attr)
        holder = self.value(expression.value, depth + 1)
        if isinstance(holder, (ModuleType, type)):
            return _static(holder, expression.attr)
        return MISSING


def _loaded(module: str, name: str | None) -> object:
    found = sys.modules.get(module)
    if found is None:
        return MISSING
    return found if name is None else _static(found, name)


def _static(holder: object, name: str) -> object:
    """Return an attribute without running a property or a module's ``__getattr__``."""
    return inspect.getattr_static(holder, name, MISSING)
