"""Turn one comparison, check or constant of a module at a time and see a test fail: mutate.py MODULE [--most N] TESTS…

    python tools/mutate.py attncli/formats/npy.py --most 30 tests/formats tests/inputs/test_sources.py

Works on a copy of the package in a temporary folder; what it does not know goes to pytest. Prints each mutant that no
test noticed.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import ast
import contextlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy  # noqa: F401 - each fork would import it anew
import pytest
import yaml  # noqa: F401
from hypothesis import settings

ROOT = Path(__file__).parent.parent
MOST_SECONDS = 120
MOST_BYTES = 16 << 30  # a loop without an end may fill a list
OPTIONS = ["-x", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
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
    unchanged = ast.unparse(ast.parse(source))
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
            text = ast.unparse(ast.fix_missing_locations(tree))
            if text != unchanged:  # 1e22 + 1 is 1e22
                yield target.lineno, f"{change}: {before}", text


def mutate(node: ast.AST, tree: ast.AST) -> None:
    if isinstance(node, ast.Compare):
        node.ops[0] = TURNED[type(node.ops[0])]()
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign):
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
                elif isinstance(value, list) and node in value:
                    value[value.index(node)] = node.operand


def noticed(folder: Path, arguments: list[str]) -> bool:
    """Whether a test fails, or runs without an end; in a fork of this process, which has imported what is slow."""
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        os.environ["PYTHONPATH"] = str(folder)
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        signal.alarm(10 * MOST_SECONDS)  # where it waits
        os._exit(int(pytest.main([*OPTIONS, *arguments])))
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it started
    return status != 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", type=Path)
    parser.add_argument("--most", type=int, default=10_000, help="as many mutants, chosen at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", help="1,2,3: of these lines alone")
    parser.add_argument("--changes", default="", help="only those whose change has this in it")
    given, arguments = parser.parse_known_args()  # the rest is pytest's
    source = (ROOT / given.module).read_text("utf-8")
    lines = source.splitlines()
    found = [one for one in mutants(source) if given.lines is None or str(one[0]) in given.lines.split(",")]
    found = [one for one in found if given.changes in one[1]]
    chosen = sorted(random.Random(given.seed).sample(found, min(given.most, len(found))), key=lambda mutant: mutant[0])
    settings.register_profile("mutants", deadline=None, database=None, derandomize=True, max_examples=25)
    settings.load_profile("mutants")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    killed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("attncli", "tests", "tools", "examples", "docs"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        for part in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / part, folder)
        if noticed(folder, arguments):
            sys.exit("the tests fail without any mutant")
        for number, (line, change, text) in enumerate(chosen):
            (folder / given.module).write_text(text, "utf-8")
            os.utime(folder / given.module, (number, number))  # no bytecode of another mutant is taken for this one's
            if noticed(folder, arguments):
                killed += 1
            else:
                print(f"{given.module}:{line}: survived :: {change} :: {lines[line - 1].strip()}", flush=True)
    print(f"{given.module}: of {len(chosen)} mutants ({len(found)} can be made) {killed} killed", flush=True)


if __name__ == "__main__":
    main()
