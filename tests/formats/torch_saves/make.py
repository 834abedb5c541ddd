"""Makes the small files of torch.save in this folder again: python make.py, where torch is installed."""

from __future__ import annotations

import os

import torch

DTYPES = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "int8",
    "uint8",
    "int16",
    "int32",
    "int64",
    "bool",
    "uint16",
    "uint32",
    "uint64",
    "float8_e4m3fn",
]
queries = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.25]])
grid = torch.arange(24.0).reshape(4, 6)


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harmed",)


FILES = {
    "alone": queries,
    "problem": {"q": queries, "k": queries * 2, "v": queries + 1, "title": "one", "steps": 3},
    "dtypes": {name: torch.tensor([[0, 1], [2, 3]]).to(getattr(torch, name)) for name in DTYPES},
    "views": {
        "slice": grid[1:3, ::2],
        "transposed": grid.T,
        "expanded": torch.ones(1, 3).expand(4, 3),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(2.5),
        "parameter": torch.nn.Parameter(queries),
        "negated": torch._neg_view(queries),
    },
    "list": [queries, {"inner": (queries + 1,)}],
    "state_dict": torch.nn.MultiheadAttention(2, 1).state_dict(),
    "complex": {"z": torch.ones(1, 2, dtype=torch.complex64)},
    "harmful": {"q": queries, "harm": Harmful()},
    "module": torch.nn.Linear(2, 2),
    "sparse": {"x": grid.to_sparse()},
}

for name, value in FILES.items():
    torch.save(value, f"{name}.pt")
for name in ("alone", "problem", "list"):
    torch.save(FILES[name], f"{name}_legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"slice": grid[1:3, ::2], "transposed": grid.T}, "views_legacy.pt", _use_new_zipfile_serialization=False)
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), "script.pt")
