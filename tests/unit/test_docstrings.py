"""Docstrings of functions on arrays and physical quantities say shape or unit."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from house import MODULES, documented, tree

ENOUGH = 0.70
"""The share of those functions whose docstring says it, at least."""
ARRAYS = {"NDArray", "ndarray", "ArrayLike", "Tensor"}
NUMBERS = {"int", "float", "float64", "int64", "None", "np"}
QUANTITY = re.compile(
    r"(?:^|_)(?:accuracy|bytes|distance|flops|hours|latency|macs|megabytes|memory|minutes|ms|"
    r"nanoseconds|percent|pixels|resolution|seconds|share)(?:_|$)"
)
SIZE = r"(?:[A-Za-z]{1,2}\d?|[A-Z]_\w+|\d+|n_\w+|\.\.\.)"
SUM = rf"{SIZE}(?: [-+*] {SIZE})?"
SHAPE = re.compile(rf"\((?:\w+,|len\(\w+\),|{SUM},(?: {SUM},?)*)\)|any shape")
UNIT = re.compile(
    r"%|\bin \[-?\d, \d\]|"
    r"\b(?:a scalar|ms|(?:milli|nano)?seconds|Seconds|minutes|hours|[Bb]ytes|MB|GB|megabytes|"
    r"percent|[Ff]ractions?|[Ss]hares? (?:of|in)|from 0 to 1|pixels?|MACs?|FLOPs|"
    r"multiply-(?:adds?|accumulates))\b"
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def words(node: ast.AST | None) -> set[str]:
    """The names in an annotation, also in one that is written as text."""
    return set(re.findall(r"\w+", ast.unparse(node))) if node else set()


@cache
def arrays_of(module: str) -> set[str]:
    """What stands for an array in a module's annotations: its own aliases and imported ones."""
    found = set(ARRAYS)
    for node in tree(module).body:
        if isinstance(node, ast.ImportFrom) and node.module in set(MODULES) - {module}:
            found |= arrays_of(node.module) & {alias.name for alias in node.names}
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp):
            if words(node.value) & found and "Callable" not in words(node.value):
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def is_about_arrays_or_quantities(function: Function, module: str) -> bool:
    """Whether a parameter or the result is an array, or a number named as a physical quantity."""
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    named = [*((one.arg, one.annotation) for one in every), (function.name, function.returns)]
    return any(
        words(annotation) & arrays_of(module)
        or (QUANTITY.search(name) and annotation is not None and words(annotation) <= NUMBERS)
        for name, annotation in named
    )


def says_shape_or_unit(text: str) -> bool:
    return bool(SHAPE.search(text) or UNIT.search(text))


def counted() -> Iterator[tuple[str, str, str]]:
    """(module, name, docstring) of all public functions on arrays and quantities."""
    for module in MODULES:
        for name, node in documented(module):
            if isinstance(node, Function) and not re.search(r"(?:^|\.)_", name):
                if is_about_arrays_or_quantities(node, module):
                    yield module, name, ast.get_docstring(node) or ""


def test_most_functions_on_arrays_and_quantities_say_shape_or_unit():
    every = list(counted())
    silent = [f"{module}.{name}" for module, name, text in every if not says_shape_or_unit(text)]
    assert len(every) > 250
    assert 1 - len(silent) / len(every) >= ENOUGH, "\n".join(silent)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Return (N, C, H, W) maps.", True),
        ("x : (N,) scores", True),
        ("(G + 1,) first rows", True),
        ("The latency in ms.", True),
        ("A fraction in [0, 1].", True),
        ("Return the scores of the graphs.", False),
        ("Return the norm (see the paper, section 3).", False),
        ("Read a file (JSON, ONNX).", False),
    ],
)
def test_what_counts_as_a_shape_or_a_unit(text, expected):
    assert says_shape_or_unit(text) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(x: NDArray[np.int64]) -> None: ...", True),
        ("def f() -> 'Sequence[Tensor]': ...", True),
        ("def f(weights: Array) -> str: ...", True),
        ("def f(latency_ms: float) -> str: ...", True),
        ("def node_flops(graph: Graph) -> int: ...", True),
        ("def f(latency: str, count: int) -> int: ...", False),
        ("def f(make: Maker) -> None: ...", False),
    ],
)
def test_which_functions_count(code, expected, monkeypatch):
    aliases = "Array = NDArray[np.float32] | None\nMaker = Callable[[Tensor], int]\n"
    monkeypatch.setitem(globals(), "tree", lambda _: ast.parse(aliases))
    arrays_of.cache_clear()
    (function,) = ast.parse(code).body
    found = bool(is_about_arrays_or_quantities(function, "example"))
    arrays_of.cache_clear()
    assert found == expected
