"""Every stage and layout beside torch, where it is installed, with the formulas written out by hand."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec

import numpy as np
import pytest
import soak
import stage_problems

PROBLEMS = 60


@pytest.mark.skipif(stage_problems.torch is None, reason="torch is not installed")
def test_random_problems_with_stages_agree_with_torch_by_hand() -> None:
    counts: Counter[str] = Counter()
    used: Counter[str] = Counter()
    for number in range(PROBLEMS):
        problem = stage_problems.random_problem_with_stages(np.random.default_rng([0, number]))
        if problem["dtype"] == "bfloat16" and find_spec("ml_dtypes") is None:
            continue
        found, said = soak.examine_stages(problem)
        counts.update(found)
        used.update([*problem, problem["form"], problem.get("variant"), problem.get("normalizer")])
        assert not said, f"problem {number}: {said}"
    assert counts["torch by hand"] > PROBLEMS / 2
    assert {*stage_problems.FORMS, *stage_problems.VARIANTS, *stage_problems.NORMALIZERS} <= used.keys()
    assert set(stage_problems.STAGES) <= used.keys()
