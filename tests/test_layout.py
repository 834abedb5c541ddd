"""The layout of the package, kept by a machine: which floor imports which, no circle, no name with two meanings."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import attncli
from attncli.variants import VARIANTS

PACKAGE = Path(attncli.__file__).parent
# from below; a module imports from its own folder and from lower floors only
FLOORS = (
    {"version", "errors", "patterns", "records"},
    {"numbers", "threads"},
    {"files", "matrix", "systems", "expressions", "similarities"},
    {"formats", "variants", "products"},
    {"stages"},
    {"inputs"},
    {"problem"},
    {"engine"},
    {"results"},
    {"check", "compare", "explain"},
    {"batch", "exercise", "play"},
    {"render"},
    {"notebook"},
    {"api", "cli"},
    {"__main__"},
)
HEIGHTS = {place: height for height, places in enumerate(FLOORS) for place in places}
EXAMPLE = Path(__file__).parent.parent / "examples" / "animals"
INTERFACES = {"read", "write"}  # what the record of a format calls in its module


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of the package by name; read by the first test that asks, as reading takes a second."""
    return {name_of(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def nodes_of(module: str) -> list[ast.AST]:
    """Every node of a module; walking over it takes longer than looking at them."""
    return list(ast.walk(trees()[module]))


def place_of(module: str) -> str:
    """The folder or module directly in the package."""
    return module.split(".")[1]


@cache
def for_types_only(module: str) -> set[ast.AST]:
    """What stands below `if TYPE_CHECKING`: nothing is imported there when the program runs."""
    guarded = (node for node in nodes_of(module) if isinstance(node, ast.If) and names_type_checking(node.test))
    return {inner for node in guarded for inner in ast.walk(node)}


def names_type_checking(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "TYPE_CHECKING" for node in ast.walk(test))


def imports_of(module: str, *, for_types: bool = False) -> set[str]:
    """The modules of the package that this one imports, at its top or within a function, `for_types` too if asked."""
    typing = set() if for_types else for_types_only(module)
    found: set[str] = set()
    for node in nodes_of(module):
        if node in typing:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    # a package's own __init__ names what is public, so its modules stand below it
    return {other for other in found if other in trees() and not f"{module}.".startswith(f"{other}.")}


@cache
def edges() -> dict[str, set[str]]:
    return {module: imports_of(module) for module in trees()}


def test_every_place_has_a_floor():
    places = {place_of(module) for module in trees() if module != "attncli"}
    assert places - set(HEIGHTS) == set()


def test_no_module_imports_from_another_folder_of_its_floor_or_from_a_higher_one():
    # so no two folders import each other either
    upwards = [
        f"{module} imports {other}"
        for module, others in edges().items()
        for other in others
        if module != "attncli"
        and place_of(other) != place_of(module)
        and HEIGHTS[place_of(other)] >= HEIGHTS[place_of(module)]
    ]
    assert upwards == []


def test_a_slip_knows_nothing_of_the_search_for_it():
    upwards = [
        f"{module} imports {other}"
        for module, others in edges().items()
        for other in others
        if module.startswith("attncli.check.slips") and other.startswith("attncli.check.search")
    ]
    assert upwards == []


def test_no_module_imports_from_the_package_s_face():
    # it stands for what is above, so that an import from it leads up
    faces = {
        module: [alias.name for alias in node.names if f"attncli.{alias.name}" not in trees()]
        for module in trees()
        for node in nodes_of(module)
        if isinstance(node, ast.ImportFrom) and node.module == "attncli" and module != "attncli"
    }
    assert {module: names for module, names in faces.items() if names} == {}


def circle_in(graph: dict[str, set[str]]) -> list[str] | None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None


def test_no_modules_import_each_other_in_a_circle_not_even_for_types():
    face = {"attncli"}  # for types it names what is above
    graph = {module: imports_of(module, for_types=True) for module in trees().keys() - face}
    assert circle_in(graph) is None


@cache
def imported_at_the_top(module: str) -> set[str]:
    """What a module imports when it is loaded, by name; what may be missing (within `try`) is not counted."""
    found: set[str] = set()
    for node in trees()[module].body:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    return found


def loaded_with(module: str) -> set[str]:
    """Every module that is loaded once this one is."""
    loaded: set[str] = set()
    to_load = {module}
    while to_load:
        name = to_load.pop()
        loaded.add(name)
        packages = {name.rpartition(".")[0]} - {""}
        to_load |= (packages | (imported_at_the_top(name) if name in trees() else set())) - loaded
    return loaded - {module, "attncli"}


def imports_in_functions(module: str) -> set[str]:
    """The modules that the functions of a module import."""
    typing = for_types_only(module)
    functions = (node for node in nodes_of(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    found: set[str] = set()
    for node in (inner for function in functions for inner in ast.walk(function) if inner not in typing):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found.update(name if name in trees() else node.module for name in names)
    return found


def test_an_import_within_a_function_spares_something():
    # otherwise it belongs to the top of its module
    within = {module: found for module in trees() if (found := imports_in_functions(module))}
    needless = {module: sorted(found & loaded_with(module)) for module, found in within.items()}
    assert {module: names for module, names in needless.items() if names} == {}


def test_no_two_public_names_coincide():
    where = defaultdict(list)
    for module, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                overloads = [*map(ast.unparse, node.decorator_list)]
                if "overload" not in overloads and node.name not in INTERFACES:
                    where[node.name].append(module)
    assert {name: modules for name, modules in where.items() if len(modules) > 1} == {}


# words that are also the names of variants
OTHER_MEANINGS = {"uniform": "the row of a query with no key", "scaled": "a stage", "cosine": "a measure of an error"}


def words_of(module: str) -> set[str]:
    """The strings of a module, and what follows `variant-` in the names of slips."""
    return {
        node.value.removeprefix("variant-")
        for node in nodes_of(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_the_name_of_a_variant_stands_in_its_record_and_in_the_systems_that_have_it():
    names = {variant.name for variant in VARIANTS} - set(OTHER_MEANINGS)
    others = set(trees()) - {"attncli.variants", "attncli.systems"}
    assert {module: words_of(module) & names for module in others if words_of(module) & names} == {}
    # whether a record has one of the other names is never asked
    asked = [
        f"{module}: {ast.unparse(node)}"
        for module in others
        for node in nodes_of(module)
        if isinstance(node, ast.Compare | ast.keyword)
        if {inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant)} & set(OTHER_MEANINGS)
        if "variant" in ast.unparse(node)
    ]
    assert asked == []


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--version"], {"numpy", "typer", "rich", "yaml"}),
        (["--help"], {"numpy", "yaml", "rich"}),
        (["run", "--help"], {"numpy", "yaml"}),
        (
            ["run", "1 0; 0 1", "1 0; 0 1", "1 2; 3 4"],
            {"numba", "scipy", "matplotlib", "orjson", "distributed", "safetensors", "ml_dtypes", "asyncio", "yaml"},
        ),
        (
            ["run", str(EXAMPLE / "q.csv"), str(EXAMPLE / "k.csv")],
            {"orjson", "asyncio", "yaml", "json", "csv", "shlex", "fractions", "rich", "attncli.explain"}
            | {"attncli.engine.backward", "attncli.results.gradients", "attncli.formats.tree", "attncli.formats.tex"}
            | {"attncli.formats.text_table_writer", "attncli.render.result.documents", "attncli.render.markdown"},
        ),
    ],
    ids=lambda value: " ".join(Path(word).name for word in value[:2]) if isinstance(value, list) else "",
)
def test_a_start_imports_only_what_it_needs(arguments, absent):
    code = "import sys\nfrom attncli.cli.main import run_cli\n"
    code += "status = run_cli(sys.argv[1:])\nprint(*sys.modules)\nsys.exit(status)"
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert ran.returncode == 0
    assert absent & set(ran.stdout.splitlines()[-1].split()) == set()


def test_what_every_run_loads_makes_no_class_or_expression_that_costs_a_start():
    # records are made in a tenth of a dataclass's time, and a pattern is compiled at its first use
    code = "import sys\nfrom attncli.cli.main import run_cli\nrun_cli(sys.argv[1:])\nprint(*sys.modules)"
    arguments = ["run", *(str(EXAMPLE / f"{name}.csv") for name in "qk")]
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, encoding="utf-8", timeout=60)
    loaded = [name for name in ran.stdout.splitlines()[-1].split() if name in trees()]
    assert len(loaded) > 50
    costly = [
        (name, ast.unparse(node))
        for name in loaded
        for statement in trees()[name].body
        if not isinstance(statement, ast.FunctionDef)
        for node in [*ast.walk(statement), *getattr(statement, "decorator_list", [])]
        if ast.unparse(node) in ("re.compile", "dataclass")
    ]
    assert [each for each in costly if each[0] not in ("attncli.records", "attncli.patterns")] == []


def test_no_folder_of_tests_has_the_name_of_a_library_that_a_test_asks_for():
    # pytest puts the folders of tests on the path: such a folder is imported as the library where that is missing
    tests = Path(__file__).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in tests.rglob("*.py"))
    libraries = set(re.findall(r"importorskip\(\"(\w+)", text))
    assert len(libraries) > 3
    assert {path.name for path in tests.rglob("*") if path.is_dir()} & libraries == set()
