"""What a run would do, found without doing it: the shapes, work and memory of each job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from math import prod
from typing import TYPE_CHECKING

from attncli.batch.worker import failure_record, shapes_of
from attncli.records import record

if TYPE_CHECKING:
    from attncli.batch.job import Job
    from attncli.batch.options import Options

TILES = 8 << 20  # bytes, roughly, that the engine uses for its blocks


@record
class JobPlan:
    """`work` in multiplications and `memory` in bytes for inputs and results, or the `error` with which the job would
    fail."""

    name: str
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    work: int = 0
    memory: int = 0
    error: str | None = None


def plan_jobs(jobs: Iterable[Job], options: Options) -> Iterator[JobPlan]:
    """Yield the plan of each job, in order. The problem is read and checked, and nothing is computed."""
    for job in jobs:
        try:
            yield _plan(job, options)
        except Exception as error:
            yield JobPlan(job.name, error=str(failure_record(job, options, error)["error"]))


def _plan(job: Job, options: Options) -> JobPlan:
    from attncli.batch.reading import read_job
    from attncli.batch.saving import choose_saved
    from attncli.problem.prepare import prepare
    from attncli.results.result import Result

    worksheet, _ = read_job(job, options)
    result = Result(prepare(worksheet.request), options.engine)
    problem, results = result.problem, choose_saved(result, options)
    shapes = shapes_of(result, results)
    columns = problem.d_k + (problem.d_v or 0 if "output" in results else 0)
    arrays = (problem.queries, problem.keys, problem.values, problem.mask, problem.bias)
    held = sum(array.nbytes for array in arrays if array is not None)
    held += sum(prod(shapes[name]) * problem.dtype.itemsize for name in results)
    return JobPlan(job.name, shapes, problem.parts * problem.n * problem.m * columns, held + TILES)
