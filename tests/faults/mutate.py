"""Turn one comparison, check or constant of a module at a time and see a test fail: mutate.py MODULE TESTS… [--most N]

    python tests/faults/mutate.py attncli/engine/masks.py tests/test_properties.py tests/test_systems.py --most 30

Works on a copy of the package in a temporary folder; prints each mutant that no test noticed.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAIRS = (
    *((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.In, ast.NotIn), (ast.Is, ast.IsNot)),
    *((ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.And, ast.Or), (ast.BitAnd, ast.BitOr)),
)
TURNED = {one: other for pair in PAIRS for one, other in (pair, pair[::-1])}


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, what was changed, and the whole text, for every change; types are left alone: no test can see them."""
    nodes = list(ast.walk(ast.parse(source)))
    typed = [getattr(node, name, None) for node in nodes for name in ("annotation", "returns")]
    within = {id(inner) for node in typed if node is not None for inner in ast.walk(node)}
    annotations = {number for number, node in enumerate(nodes) if id(node) in within}
    for number, node in enumerate(ast.walk(ast.parse(source))):
        changes: list[str] = []
        if number in annotations:
            continue
        operators = node.ops if isinstance(node, ast.Compare) else [getattr(node, "op", None)]
        if type(operators[0]) in TURNED:
            changes = ["turned"]
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            changes = ["changed"]
        elif isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise | ast.Return):
            changes = ["removed"]
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            changes = ["dropped"]
        for change in changes:
            tree = ast.parse(source)
            target = list(ast.walk(tree))[number]
            before = ast.unparse(target).splitlines()[0]
            mutate(target, tree)
            yield target.lineno, f"{change}: {before}", ast.unparse(ast.fix_missing_locations(tree))


def mutate(node: ast.AST, tree: ast.AST) -> None:
    if isinstance(node, ast.Compare):
        node.ops[0] = TURNED[type(node.ops[0])]()
    elif isinstance(node, ast.BinOp | ast.BoolOp):
        node.op = TURNED[type(node.op)]()
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.If):
        node.test = ast.Constant(False)
    elif isinstance(node, ast.UnaryOp):
        for parent in ast.walk(tree):
            for field, value in ast.iter_fields(parent):
                if value is node:
                    setattr(parent, field, node.operand)


def noticed(folder: Path, tests: list[str]) -> bool:
    """Whether a test fails, or runs without an end."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-o", "addopts=", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return True
    return ran.returncode != 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", type=Path)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--most", type=int, default=1000, help="as many mutants, chosen at random")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    source = (ROOT / given.module).read_text()
    found = list(mutants(source))
    chosen = sorted(random.Random(given.seed).sample(found, min(given.most, len(found))), key=lambda mutant: mutant[0])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("attncli", "tests", "examples"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        if noticed(folder, given.tests):
            sys.exit("the tests fail without any mutant")
        killed = 0
        for line, change, text in chosen:
            (folder / given.module).write_text(text)
            if noticed(folder, given.tests):
                killed += 1
            else:
                print(f"{given.module}:{line}: survived, {change}", flush=True)
    print(f"{given.module}: {killed} of {len(chosen)} mutants killed, of {len(found)} that can be made", flush=True)


if __name__ == "__main__":
    main()
