"""Mappings of arrays, as programs print and write them, mean the same in every place where a command takes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

Q, K, V = [[1, 0], [0, 1]], [[1, 2], [3, 4], [0.5, -1]], [[1, 2], [3, 4], [5, 6]]
TENSORS = (
    "tensor([[1., 0.],\n        [0., 1.]])",
    "tensor([[ 1.0000,  2.0000],\n        [ 3.0000,  4.0000],\n        [ 0.5000, -1.0000]])",
    "tensor([[1., 2.],\n        [3., 4.],\n        [5., 6.]], device='cuda:0')",
)
MAPPINGS = {
    "a dict of lists": f"{{'Q': {Q}, 'K': {K}, 'V': {V}}}",
    "a dict with None": f"{{'Q': {Q}, 'K': {K}, 'V': {V}, 'mask': None}}",
    "a dict of tensors": "{{'q': {}, 'k': {}, 'v': {}}}".format(*TENSORS),
    "a dict of tensors and None": "{{'q': {}, 'k': {}, 'v': {}, 'mask': None}}".format(*TENSORS),
    "a dict with a name": f"data = {{'Q': {Q}, 'K': {K}, 'V': {V}}}",
    "code of a dict": (
        "data = {\n"
        f"    'Q': np.array({Q}),  # queries, as 'they' are\n"
        "    # keys\n"
        f"    'K': np.array({K}),\n"
        f"    'V': np.array({V}),\n}}"
    ),
    "OrderedDict of pairs": "OrderedDict([('q', {}), ('k', {}), ('v', {})])".format(*TENSORS),
    "OrderedDict of a dict": "OrderedDict({{'q': {}, 'k': {}, 'v': {}}})".format(*TENSORS),
    "a call of dict": f"dict(q={Q}, k={K}, v={V})",
    "JSON": json.dumps({"q": Q, "k": K, "v": V}, indent=2),
    "JSON in a fence": f"```json\n{json.dumps({'q': Q, 'k': K, 'v': V}, indent=2)}\n```",
    "an object of JavaScript": f"const data = {{\n  Q: {Q}, // queries\n  K: {K},\n  V: {V},\n}};\n",
    "an object as Node shows it": "{ Q: [ [ 1, 0 ], [ 0, 1 ] ], "
    "K: [ Float32Array(2) [ 1, 2 ], Float32Array(2) [ 3, 4 ], Float32Array(2) [ 0.5, -1 ] ], "
    "V: [ [ 1, 2 ], [ 3, 4 ], [ 5, 6 ] ] }",
}
SHOW = ["--show", "queries,keys,values", "-f", "json"]


def shown(ran: tuple[int, str, str]) -> list[object]:
    status, out, err = ran
    assert (status, err) == (0, "")
    found = json.loads(out)
    return [found[name] for name in ("queries", "keys", "values")]


@pytest.mark.parametrize("text", MAPPINGS.values(), ids=MAPPINGS)
def test_a_mapping_of_arrays_is_a_problem_typed_on_standard_input_and_in_a_text_file(
    run_all, text: str, tmp_path: Path
) -> None:
    (tmp_path / "dump.txt").write_text(text)
    ran = run_all([["run", text, *SHOW], ["run", "dump.txt", *SHOW], ["run", "-", *SHOW]], input=text.encode())
    assert [shown(each) for each in ran] == [[Q, K, V]] * 3


@pytest.mark.parametrize("text", MAPPINGS.values(), ids=MAPPINGS)
def test_an_array_of_a_mapping_is_chosen_by_its_role(run_all, text: str, tmp_path: Path) -> None:
    (tmp_path / "dump.txt").write_text(text)
    (tmp_path / "problem.json").write_text(json.dumps({"queries": text, "keys": text, "values": text}))
    (ran,) = run_all([["run", "problem.json", *SHOW]])
    assert shown(ran) == [Q, K, V]


def test_the_only_array_of_a_mapping_is_taken_wherever_it_stands(run_all, tmp_path: Path) -> None:
    text = '{"embedding": [[1, 2], [3, 4]]}'
    (tmp_path / "q.txt").write_text(text)
    show = ["--show", "queries", "-f", "json"]
    for status, out, err in run_all([["run", text, "1 0", *show], ["run", "q.txt", "1 0", *show]]):
        assert (status, err) == (0, "")
        assert json.loads(out)["queries"] == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        (
            "{'a': [1.0, 3.0], 'b': [2.0, 4.0]}",
            "queries: holds 2 arrays: a, b; none is called queries",
            "if these are the rows of one matrix, put them into one list: [[1, 0], [0, 1]]",
        ),
        (
            "{'q': tensor([[1.]]), 'k': tensor([[1.]])}.items()",
            "queries: '.items()' after the mapping is not understood",
            "keep only the mapping",
        ),
        (
            "{'q': tensor([[1.]]), tensor([[1.]])}",
            "queries: 'tensor([[1.]])' is not understood; expected a name and an array",
            "keep only the arrays, each with its name: Q = …",
        ),
        (
            "{'q': tensor([[1.]]), 'k': tensor([[1.]])",
            "queries: a bracket of the mapping is never closed",
            "copy the whole text",
        ),
        (
            "{'x': {'q': tensor([[1.]])}}",
            "queries: x: this is a mapping, not a matrix",
            "print one of its arrays",
        ),
    ],
)
def test_a_mapping_that_is_half_understood_is_refused(run_all, text: str, what: str, hint: str) -> None:
    ((status, out, err),) = run_all([["run", text, "1 0"]])
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {what}\nhint: {hint}")


ALONE = {
    "files of JSON": ("q.json", "k.json", "v.json"),
    "files of YAML": ("q.yaml", "k.yaml", "v.yaml"),
    "typed": (f'{{"a": {Q}}}', f'{{"b": {K}}}', f'{{"c": {V}}}'),
    "typed with their names": (f"{{'q': {Q}}}", f"{{'k': {K}}}", f"{{'v': {V}}}"),
}


@pytest.mark.parametrize("sources", ALONE.values(), ids=ALONE)
def test_mappings_of_one_array_each_are_matrices_for_every_command(
    run_all, sources: tuple[str, str, str], tmp_path: Path
) -> None:
    for name, rows in zip("qkv", (Q, K, V), strict=True):
        (tmp_path / f"{name}.json").write_text(json.dumps({"embedding": rows, "model": "small"}))
        (tmp_path / f"{name}.yaml").write_text(f"{name}: {rows}\n")
    (computed,) = run_all([["run", *sources, "-f", "csv"]])
    assert (computed[0], computed[2]) == (0, "")
    (tmp_path / "right.csv").write_text(computed[1])
    (checked,) = run_all([["check", *sources, "--expect-output", "right.csv"]])
    assert (checked[0], checked[2]) == (0, "")


def test_problems_whose_keys_are_in_files_are_still_problems(run_all, tmp_path: Path) -> None:
    (tmp_path / "k.csv").write_text("1,2\n3,4\n")
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("q: [[1, 0]]\nk: k.csv\nexpected: {raw_scores: [[1, 3]]}\n")
    ((status, out, err),) = run_all([["check", "one.yaml", "two.yaml"]])
    assert (status, err) == (0, "")
    assert "one" in out
    assert "two" in out
