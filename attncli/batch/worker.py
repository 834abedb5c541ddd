"""What a worker does with its jobs, in a local process or on a machine of a cluster."""

# ruff: noqa: PTH118
from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any

from attncli.batch.job import Job
from attncli.batch.options import Options
from attncli.errors import AttncliError, OutputError, system_reason
from attncli.files import path_text
from attncli.records import record
from attncli.version import __version__

Record = dict[str, Any]  # a line of the log


@record
class JobTask:
    """Jobs for one worker, each with its log line of an earlier run, and the seconds after which it returns the rest
    undone."""

    options: Options
    jobs: list[tuple[Job, Record | None]]
    seconds: float


@dataclass(slots=True)
class Report:
    """The lines of the jobs that were done (the first ones of the task), whether each was `kept` from an earlier run,
    and the fault (where, what, hint) that ends the run, if any."""

    records: list[Record] = field(default_factory=list)
    kept: list[bool] = field(default_factory=list)
    fault: tuple[str, str, str | None] | None = None
    seconds: float = 0.0


def work(task: JobTask) -> Report:
    """Do jobs until all are done or the time is up, but at least one."""
    from attncli.batch.saving import UnwritableError

    report = Report()
    begin = time.perf_counter()
    try:
        refuse_version(task.options)
        for job, before in task.jobs:
            record, kept = attempt(job, before, task.options)
            report.records.append(record)
            report.kept.append(kept)
            report.seconds = time.perf_counter() - begin
            if report.seconds >= task.seconds or (task.options.fail_fast and record["status"] != "ok"):
                break
    except UnwritableError as error:
        report.fault = error.where, error.what, error.hint
    return report


def refuse_version(options: Options) -> None:
    """Raise OutputError if this worker has another version of attncli, whose results might differ."""
    if options.version != __version__:
        what = f"this worker has attncli {__version__}, but the run was started with {options.version}"
        raise OutputError("attncli batch", what, f"pip install attncli=={options.version}")


def attempt(job: Job, before: Record | None, options: Options) -> tuple[Record, bool]:
    """Return the job's line, and whether it is the line of an earlier run that still holds.

    The only exception that is raised is UnwritableError.
    """
    from attncli.batch.saving import UnwritableError

    begin = time.perf_counter()
    if before is not None and is_current(job, before, options):
        return before, True
    try:
        record = finish_job(job, options)
    except UnwritableError:
        raise
    except Exception as error:
        record = failure_record(job, options, error)
    record["seconds"] = round(time.perf_counter() - begin, 6)
    return record, False


def is_current(job: Job, before: Record, options: Options) -> bool:
    """Return whether this run would produce the same result as an earlier run did."""
    from attncli.batch.reading import is_unchanged
    from attncli.batch.saving import are_complete

    return (
        before.get("status") in ("ok", "wrong")
        and before.get("version") == options.version
        and before.get("options") == options.digest
        and are_complete(before.get("files", {}), options)
        and is_unchanged(job, options, before.get("inputs", {}))
    )


def finish_job(job: Job, options: Options) -> Record:
    """Read, compute, check and save, and return the line of a successful job."""
    from attncli.batch.expected import check_expected
    from attncli.batch.reading import base_of, read_job
    from attncli.batch.saving import choose_saved, save
    from attncli.problem.prepare import prepare
    from attncli.results.result import Result
    from attncli.results.targets import BY_ROWS

    worksheet, prints = read_job(job, options)
    result = Result(prepare(worksheet.request), options.engine)
    results = choose_saved(result, options)
    streamed = [name for name in results if options.format in BY_ROWS and result.is_streamed(name)]
    held = [name for name in results if name not in streamed]
    result.compute(*held, sinks=result.overflow_sinks(*streamed))
    verdict = check_expected(worksheet)
    base = base_of(job, options)
    files = save(job.name, result, results, options, [os.path.join(base, name) for name in prints])
    return {
        "name": job.name,
        "status": "ok",
        "error": None,
        "seconds": 0.0,
        "shapes": {name: list(shape) for name, shape in shapes_of(result, results).items()},
        "engine": result.outcome.engine if result.outcome is not None else options.engine,
        "warnings": list(result.warnings),
        "inputs": prints,
        "options": options.digest,
        "version": options.version,
        "files": files,
        **verdict,
    }


def shapes_of(result: Any, results: list[str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the inputs and of the saved results."""
    shapes: dict[str, tuple[int, ...]] = result.problem.shapes()
    return {name: shape for name, shape in shapes.items() if name in ("queries", "keys", "values", *results)}


def failure_record(job: Job, options: Options, error: BaseException | str) -> Record:
    """Return the line of a failed job. Paths in it are relative to the folder in which the run was started."""
    where, what, hint = error_parts(job, error)
    start = path_text(os.path.join(options.start, ""))
    return {
        "name": job.name,
        "status": "error",
        "error": f"{where}: {what}".replace(start, ""),
        "hint": hint.replace(start, "") if hint else None,
        "seconds": 0.0,
        "options": options.digest,
        "version": options.version,
    }


def error_parts(job: Job, error: BaseException | str) -> tuple[str, str, str | None]:
    """Return (where, what, hint) for any error that can end a job."""
    where = path_text(job.path) if job.entry is None else f"{path_text(job.path)}: {path_text(job.name)}"
    if isinstance(error, str):
        return where, error, None
    if isinstance(error, AttncliError):
        return error.where, error.what, error.hint
    if isinstance(error, MemoryError):
        return (
            where,
            "not enough memory for this problem",
            "save fewer results (--save output), or use fewer workers (-j)",
        )
    if isinstance(error, OSError):
        named = where if error.filename is None else path_text(os.fsdecode(error.filename))
        return named, system_reason(error), None
    hint = "please report it with the problem"
    return where, f"a bug in attncli, {type(error).__name__}: {error}", hint
