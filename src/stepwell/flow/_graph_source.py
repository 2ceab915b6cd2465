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
from typing import Any, get_type_hints

from stepwell.flow._definition import StepDefinition
from stepwell.flow._events import Event
from stepwell.flow._signature import is_event_class

MISSING = object()
DEPTH = 8
"""How many names may stand for each other."""

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


@dataclass(frozen=True, slots=True)
class _Reading:
    """A function that is read: the name of its context parameter, and of the workflow it is a method of."""

    function: Callable[..., Any]
    context: str | None
    has_self: bool


def signature_text(step: StepDefinition) -> str:
    """Return the step's signature as it is written, or as Python prints it when the source is not at hand."""
    tree = _parsed(step.function)
    if tree is None:
        return f"{step.name}{inspect.signature(step.function)}"
    prefix = "async def" if isinstance(tree, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(tree.returns)}" if tree.returns is not None else ""
    return f"{prefix} {tree.name}({ast.unparse(tree.args)}){returns}"


def mentions(step: StepDefinition, owner: object) -> Iterator[Mention]:
    """Yield what the calls on the context name, in the order of the source.

    Methods of the workflow that the step hands its context to are read too. ``owner`` is the workflow's class, or an
    instance whose attributes tell more.
    """
    work = [_Reading(inspect.unwrap(step.function), step.signature.context, step.bound)]
    for reading in work:
        tree = _parsed(reading.function)
        if tree is None or reading.context is None:
            continue
        names = _Names(reading, tree, owner)
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
        for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            yield from _mentions_of(call, reading, names)
            called = _called_method(call, reading, owner)
            if called is not None and all(called.function is not known.function for known in work):
                work.append(called)


def _mentions_of(call: ast.Call, reading: _Reading, names: "_Names") -> Iterator[Mention]:
    assert isinstance(call.func, ast.Attribute)
    name = call.func.attr
    if name not in CALLS or not isinstance(call.func.value, ast.Name) or call.func.value.id != reading.context:
        return
    argument = call.args[0] if call.args else None
    if argument is None and name != "run_child" and call.keywords:
        argument = call.keywords[0].value
    if argument is not None:
        for value in names.values(argument):
            yield Mention(name, value, ast.unparse(argument))


def _called_method(call: ast.Call, reading: _Reading, owner: object) -> _Reading | None:
    """Return the method of the workflow that a call hands the context to."""
    assert isinstance(call.func, ast.Attribute)
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    passes_on = any(isinstance(one, ast.Name) and one.id == reading.context for one in given)
    on_self = isinstance(call.func.value, ast.Name) and call.func.value.id == _self_name(reading)
    method = _static(owner, call.func.attr) if passes_on and on_self else None
    if not inspect.isfunction(method):
        return None
    parameters = list(inspect.signature(method).parameters)[1:]
    for place, argument in enumerate(call.args):
        if isinstance(argument, ast.Name) and argument.id == reading.context and place < len(parameters):
            return _Reading(method, parameters[place], has_self=True)
    for keyword in call.keywords:
        if isinstance(keyword.value, ast.Name) and keyword.value.id == reading.context:
            return _Reading(method, keyword.arg, has_self=True)
    return None


def _self_name(reading: _Reading) -> str | None:
    return next(iter(reading.function.__code__.co_varnames), None) if reading.has_self else None


def _parsed(function: Callable[..., Any]) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
        body = ast.parse(source).body
    except (OSError, TypeError, SyntaxError):
        return None
    (found,) = body or (None,)
    return found if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)) else None


class _Names:
    """Resolves expressions of one function to classes or objects, without running anything."""

    def __init__(self, reading: _Reading, tree: ast.FunctionDef | ast.AsyncFunctionDef, owner: object) -> None:
        self.function = reading.function
        self.owner = owner
        self.self_name = _self_name(reading)
        self.assigned: dict[str, list[ast.expr]] = {}
        self.imported: dict[str, tuple[str, str | None]] = {}
        for node in ast.walk(tree):
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            self._assign(node.target, node.value)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            for item in node.iter.elts if isinstance(node.iter, (ast.List, ast.Tuple, ast.Set)) else ():
                self._assign(node.target, item)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import) and alias.asname:
                self.imported[alias.asname] = (alias.name, None)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                self.imported[alias.asname or alias.name] = (node.module, alias.name)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.assigned.setdefault(target.id, []).append(value)

    def values(self, expression: ast.expr, depth: int = 0) -> list[object]:
        """Return the objects that an expression may name; ``MISSING`` stands for what cannot be told."""
        if depth > DEPTH:
            return [MISSING]
        found: list[object] = []
        match expression:
            case ast.IfExp():
                parts = [expression.body, expression.orelse]
            case ast.BoolOp():
                parts = expression.values
            case ast.NamedExpr():
                parts = [expression.value]
            case ast.Name() if expression.id in self.assigned:
                parts = self.assigned[expression.id]
            case _:
                return [self._value(expression, depth)]
        for part in parts:
            found += self.values(part, depth + 1)
        return list({id(value): value for value in found}.values())

    def _one(self, expression: ast.expr, depth: int) -> object:
        values = self.values(expression, depth + 1)
        return values[0] if len(values) == 1 else MISSING

    def _value(self, expression: ast.expr, depth: int) -> object:
        """Return the object that an expression names; a call stands for what the called class or function gives."""
        match expression:
            case ast.Call():
                return _result_of(self._one(expression.func, depth))
            case ast.Name():
                return self._name(expression.id)
            case ast.Attribute():
                return self._attribute(expression, depth)
            case ast.Subscript():
                return self._one(expression.value, depth)
            case _:
                return MISSING

    def _name(self, name: str) -> object:
        if name in self.imported:
            return _loaded(*self.imported[name])
        if name == self.self_name:
            return self.owner
        code = self.function.__code__
        if name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            return _class_in(_annotations(self.function).get(name))
        if name in code.co_freevars and self.function.__closure__:
            try:
                return self.function.__closure__[code.co_freevars.index(name)].cell_contents
            except ValueError:  # assigned only later in the enclosing function
                return MISSING
        return self.function.__globals__.get(name, MISSING)

    def _attribute(self, expression: ast.Attribute, depth: int) -> object:
        if isinstance(expression.value, ast.Name) and expression.value.id == self.self_name:
            found = _static(self.owner, expression.attr)
            if found is MISSING:
                owner = self.owner if isinstance(self.owner, type) else type(self.owner)
                return _class_in(_annotations(owner).get(expression.attr))
            return found
        holder = self._one(expression.value, depth)
        if isinstance(holder, (ModuleType, type)):
            return _static(holder, expression.attr)
        return MISSING


def _result_of(called: object) -> object:
    """Return a class that is called, or the class that a function is annotated to return."""
    if inspect.isclass(called):
        return called
    return _class_in(_annotations(called).get("return")) if inspect.isfunction(called) else MISSING


def _annotations(holder: object) -> dict[str, Any]:
    try:
        return get_type_hints(holder)
    except Exception:  # noqa: BLE001  # a name that is not there yet, or whatever an annotation does when it is read
        return {}


def _class_in(annotation: object) -> object:
    return annotation if inspect.isclass(annotation) else MISSING


def _loaded(module: str, name: str | None) -> object:
    found = sys.modules.get(module)
    if found is None:
        return MISSING
    return found if name is None else _static(found, name)


def _static(holder: object, name: str) -> object:
    """Return an attribute without running a property or a module's ``__getattr__``."""
    return inspect.getattr_static(holder, name, MISSING)
