"""`attncli batch`: many problems, in parallel and resumable, on a cluster if requested."""

from __future__ import annotations

import os
import shlex
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from attncli.cli.completion import SAVED, complete_from
from attncli.cli.options import CalculationOptions, ReadingOptions, declare_force, declare_quiet, expand_bundles
from attncli.cli.output import write_err, write_prose, write_remarks
from attncli.errors import ExitStatus, MissingExtraError, UsageError
from attncli.inputs.request import Request

if TYPE_CHECKING:
    from attncli.batch.job import Job
    from attncli.batch.options import Options
    from attncli.batch.pool import Crew
    from attncli.batch.scheduler import Summary

RUNNING = "Running"
LONGEST_COMMAND = 200
HELP = """\
Compute many problems: in parallel, resumable, on a cluster if asked.

Examples:
  attncli batch problems -d results                  each problem file in a folder
  attncli batch 'data/**/*.npz' -d results -j 8      a glob, on eight processes
  attncli batch jobs.yaml -d results --resume        go on where an earlier run stopped
  attncli batch cases -d results --save-format csv   a table for each result
  attncli batch jobs.yaml -d results --dry-run       what would be done
  attncli batch jobs.yaml -d results --dask tcp://10.0.0.1:8786   on a Dask cluster

A manifest is a YAML or JSON file, {defaults: {variant: laplace}, jobs: [{name: one, queries: q.csv, keys: k.csv,
values: v.csv}, …]}, with the keys of a problem file. DIR/results.jsonl gets a line for each finished job.
"""


@expand_bundles
def batch_command(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="problem files, folders, globs, a manifest")],
    calculation: CalculationOptions,
    reading: ReadingOptions,
    folder: Annotated[
        str, typer.Option("--directory", "-d", metavar="DIR", help="where the results go", rich_help_panel=RUNNING)
    ],
    workers: Annotated[
        int | None,
        typer.Option("--jobs", "-j", metavar="N", help="processes (default: one per core)", rich_help_panel=RUNNING),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="compute only what is missing, damaged or changed", rich_help_panel=RUNNING)
    ] = False,
    force: Annotated[bool, declare_force(RUNNING, "replace the results of an earlier run")] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="stop at the first job that fails", rich_help_panel=RUNNING)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print the jobs and compute nothing", rich_help_panel=RUNNING)
    ] = False,
    dask: Annotated[
        str | None,
        typer.Option(
            "--dask", metavar="ADDRESS", help="run on a cluster, such as tcp://HOST:8786", rich_help_panel=RUNNING
        ),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option("--save", metavar="NAMES", help="results (default output,weights)", rich_help_panel=RUNNING),
    ] = None,
    save_format: Annotated[
        str,
        typer.Option(
            "--save-format",
            metavar="FORMAT",
            help="npz, npy, csv, json, yaml",
            rich_help_panel=RUNNING,
            autocompletion=complete_from(*SAVED),
        ),
    ] = "npz",
    quiet: Annotated[bool, declare_quiet(RUNNING, "no progress bar and no summary")] = False,
) -> int:
    """Find the jobs, run them, and report the results."""
    from attncli.batch.jobs import find_jobs
    from attncli.batch.options import Options, parse_save, parse_save_format
    from attncli.cli.main import Terminated
    from attncli.files import working_folder

    settings, matrices = calculation.defaults()
    for name, text in matrices.items():
        if text.strip() == "-":
            raise UsageError(f"--{name.replace('_', '-')}", "a batch reads files, so that it can be resumed", None)
    start = working_folder()
    options = Options(
        folder=os.path.abspath(folder),  # noqa: PTH100 - links are not resolved
        start=start,
        settings=settings,
        matrices=matrices,
        engine=calculation.check_engine(),
        header=reading.header,
        from_format=reading.from_format,
        save=parse_save(save),
        format=parse_save_format(save_format),
        fail_fast=fail_fast,
    )
    calculation.apply(Request(), reading.sources())  # a wrong option is reported once, not for each job
    if options.engine == "numba" and dask is None and find_spec("numba") is None:
        raise MissingExtraError("--engine numba", "numba", "fast")  # once, and not for each job
    if resume and force:
        raise UsageError("--resume", "cannot be combined with --force, which starts over", "leave one out")
    size = worker_count(workers)
    jobs = find_jobs(inputs)
    if dry_run:
        return show_plan(jobs, options)
    try:
        summary, seconds = run_jobs(jobs, options, folder, size, dask, resume=resume, force=force, quiet=quiet)
    except (KeyboardInterrupt, Terminated):
        write_err(f"\nstopped; finished jobs are kept\nhint: {resume_command()}\n")
        raise
    status = report_summary(summary, folder, seconds, quiet=quiet)
    if summary.weights_only and options.save is None and not quiet:
        counted = "1 job has" if summary.weights_only == 1 else f"{summary.weights_only} jobs have"
        write_remarks([f"{counted} no values: weights only"], ())
    if "d_output" in matrices and not summary.gradients and not quiet:
        write_remarks(["--grad changes nothing: no gradients are expected"], ())
    return status


def worker_count(asked: int | None) -> int:
    """Return the number of processes from -j, or the number of cores that this process may use."""
    if asked is None:
        from attncli.threads import usable_cores

        return usable_cores()
    if asked < 1:
        raise UsageError("-j", f"{asked} is not a number of processes", "as in -j 4")
    return asked


def run_jobs(
    jobs: list[Job],
    options: Options,
    folder: str,
    size: int,
    dask: str | None,
    *,
    resume: bool,
    force: bool,
    quiet: bool,
) -> tuple[Summary, float]:
    """Run the jobs with a progress bar, and return the summary and the seconds."""
    from attncli.batch.folder import Owners, refuse_inputs
    from attncli.batch.log import run_log
    from attncli.batch.scheduler import Batch, Summary
    from attncli.render.batch import batch_bar

    begin = time.perf_counter()
    owners = Owners(jobs, options)
    refuse_inputs(jobs, owners)
    summary = Summary(len(jobs))
    with run_log(folder, owners, resume=resume, force=force) as log:
        batch = Batch(jobs, options, log, owners, choose_crew(jobs, size, dask, options))
        with batch_bar(len(jobs), quiet=quiet) as shown:
            for record, kept in batch.run():
                summary.count(record, kept)
                shown.show(summary)
    return summary, time.perf_counter() - begin


def choose_crew(jobs: list[Job], size: int, dask: str | None, options: Options) -> Crew:
    """Return local processes, or the workers of a cluster, which must see the folder and the first problem."""
    if dask is None:
        from attncli.batch.pool import LocalCrew

        return LocalCrew(min(size, len(jobs)))
    from attncli.batch.cluster import Cluster

    return Cluster(dask, [options.folder, os.path.join(options.start, jobs[0].path)])  # noqa: PTH118


def report_summary(summary: Summary, folder: str, seconds: float, *, quiet: bool) -> int:
    """Report the results of the jobs, and return the exit status."""
    from attncli.batch.log import NAME
    from attncli.files import path_text
    from attncli.render.batch import closing_line, trouble_lines

    if not quiet:
        write_prose(closing_line(summary, path_text(folder), seconds))
    write_err(trouble_lines(summary, path_text(os.path.join(folder, NAME))))  # noqa: PTH118
    if summary.failed or summary.left:
        write_err(f"hint: when that is fixed: {resume_command()}\n")
    return ExitStatus.DIFFERS if summary.failed or summary.wrong or summary.left else ExitStatus.DONE


def resume_command() -> str:
    """Return the command that continues this run."""
    from attncli.files import path_text

    words = [word for word in sys.argv[1:] if word not in ("--force", "--resume")]
    text = path_text(shlex.join(["attncli", *words, "--resume"]))
    return text if len(text) <= LONGEST_COMMAND else "the same command with --resume instead of --force"


def show_plan(jobs: list[Job], options: Options) -> int:
    """Print what the run would do, one job per line."""
    from attncli.batch.dry_run import plan_jobs
    from attncli.render.batch import Total, plan_line

    total = Total()
    for plan in plan_jobs(jobs, options):
        write_prose(plan_line(plan))
        total.add(plan)
    write_prose(total.line())
    return ExitStatus.DIFFERS if total.failed else ExitStatus.DONE
