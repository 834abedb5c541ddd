"""The main loop of a run: it hands out tasks, collects log lines, and finds the job to blame when a worker dies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field
from typing import Any

from attncli.batch.folder import Owners
from attncli.batch.job import Job
from attncli.batch.log import GO_ON, Log, Record
from attncli.batch.options import Options
from attncli.batch.pool import Crew
from attncli.batch.worker import JobTask, Report, failure_record
from attncli.errors import OutputError
from attncli.inputs.request import GRADIENT_NAMES

FIRST = 16  # jobs in the first task, while the time per job is unknown
MOST = 1024
SECONDS = 0.3  # of work in a task, so that the cost of sending it is small
PATIENCE = 2.0  # seconds between two checks that workers are alive
LONG = 10.0  # seconds without a finished task, after which a job is assumed to take that long
DIED = "its worker process died twice: killed, or out of memory"


@dataclass(slots=True)
class Summary:
    """The counts of a run. `weights_only` are jobs without values, and so without an output, of which no numbers are
    expected. `failures` and `differing` hold the first few lines of their kind."""

    total: int
    ok: int = 0
    wrong: int = 0
    failed: int = 0
    kept: int = 0
    warned: int = 0
    weights_only: int = 0
    gradients: int = 0  # of jobs that failed, or that expect gradients
    failures: list[Record] = field(default_factory=list)
    differing: list[Record] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.total - self.ok - self.wrong - self.failed

    def count(self, record: Record, kept: bool) -> None:
        """Count a finished job."""
        status = record["status"]
        self.kept += kept
        self.ok += status == "ok"
        self.wrong += status == "wrong"
        self.failed += status == "error"
        self.warned += bool(record.get("warnings"))
        is_checked = "verdict" in record  # such a job needs no note of what it saves
        self.weights_only += status == "ok" and not is_checked and "output" not in record.get("shapes", ("output",))
        checked = any(found["what"] in GRADIENT_NAMES for found in record.get("checks", ()))
        self.gradients += checked or status == "error"
        few = {"wrong": self.differing, "error": self.failures}.get(status)
        if few is not None and len(few) < 5:
            few.append(record)


@dataclass(slots=True)
class Batch:
    """The state of a run: `jobs` from index `next` on have not been handed out yet, those in `again` came back undone,
    and one of the `suspects` has killed a worker, so each of them is tried by itself. `deaths` counts the workers that
    died over a job."""

    jobs: Sequence[Job]
    options: Options
    log: Log
    owners: Owners
    crew: Crew
    next: int = 0
    again: deque[Job] = field(default_factory=deque)
    suspects: deque[Job] = field(default_factory=deque)
    flying: dict[Future[Report], JobTask] = field(default_factory=dict)
    deaths: dict[str, int] = field(default_factory=dict)
    pace: float | None = None  # seconds per job
    silence: float = 0.0  # seconds since the last finished task
    fault: OutputError | None = None  # the error that ends the run early

    def run(self) -> Iterator[tuple[Record, bool]]:
        """Yield each finished job's line once it is in the log, and whether it was kept from an earlier run."""
        try:
            while self._send():
                done, _ = wait(self.flying, timeout=PATIENCE, return_when=FIRST_COMPLETED)
                self.silence = 0.0 if done else self.silence + PATIENCE
                if self.silence >= LONG:
                    self.pace = max(self.pace or 0.0, self.silence)
                if not done:
                    self.crew.look()
                finished = [line for future in done for line in self._receive(future)]
                self._send()  # first, so that the workers do not wait for the disk
                self.log.append([record for record, kept in finished if not kept])
                if self.fault is not None:
                    raise self.fault
                yield from finished
                if self.options.fail_fast and any(record["status"] != "ok" for record, _ in finished):
                    return
        finally:
            self.crew.stop()

    def _send(self) -> bool:
        """Give every free worker a task, and return whether any task is in flight."""
        while self.fault is None and len(self.flying) < self.crew.room(self._work()):
            jobs = self._take()
            if not jobs:
                break
            before = {record["name"]: record for record in self.log.records([job.name for job in jobs])}
            task = JobTask(self.options, [(job, before.get(job.name)) for job in jobs], SECONDS)
            self.flying[self.crew.submit(task)] = task
        return bool(self.flying)

    def _work(self) -> float | None:
        """Return the seconds of work that are left, or None if unknown."""
        return None if self.pace is None else self.pace * self._left()

    def _left(self) -> int:
        """Return how many jobs are still to be handed out."""
        return len(self.suspects) + len(self.again) + len(self.jobs) - self.next

    def _take(self) -> list[Job]:
        """Take as many jobs as are likely to fill the seconds, but no more than a fair share of what is left."""
        if self.suspects:
            return [self.suspects.popleft()]
        size = FIRST if self.pace is None else int(SECONDS / max(self.pace, SECONDS / MOST))
        share = -(-self._left() // (2 * self.crew.room(self._work())))
        size = max(1, min(size, share))
        jobs = [self.again.popleft() for _ in range(min(size, len(self.again)))]
        fresh = self.jobs[self.next : self.next + size - len(jobs)]
        self.next += len(fresh)
        return [*jobs, *fresh]

    def _receive(self, future: Future[Report]) -> list[tuple[Record, bool]]:
        """Return a task's lines, and put the jobs that it did not do back in front."""
        jobs = self.flying.pop(future).jobs
        error = error_of(future)
        if error is not None:
            if not self.crew.lost(error):
                raise error
            return self._bury(jobs)
        report = future.result()
        if report.fault is not None:
            where, what, hint = report.fault
            self.fault = OutputError(where, what, hint or GO_ON)
        self.again.extendleft(job for job, _ in reversed(jobs[len(report.records) :]))
        if report.records:
            pace = report.seconds / len(report.records)
            self.pace = pace if self.pace is None else 0.5 * self.pace + 0.5 * pace
        for (job, before), record, kept in zip(jobs, report.records, report.kept, strict=False):
            if not kept:
                self.owners.remove_stale(job, record, before)
        return list(zip(report.records, report.kept, strict=True))

    def _bury(self, jobs: list[tuple[Job, Record | None]]) -> list[tuple[Record, bool]]:
        """Handle the death of a worker over these jobs.

        If there were several jobs, each is tried by itself. A job that was by itself is tried once more, and then
        recorded as failed.
        """
        if len(jobs) > 1:
            self.suspects.extend(job for job, _ in jobs)
            return []
        ((job, before),) = jobs
        self.deaths[job.name] = self.deaths.get(job.name, 0) + 1
        if self.deaths[job.name] < 2:
            self.suspects.appendleft(job)
            return []
        record = failure_record(job, self.options, DIED)
        self.owners.remove_stale(job, record, before)
        return [(record, False)]


def error_of(future: Future[Any]) -> BaseException | None:
    """Return the exception that ended a call, also if it was cancelled, or None."""
    return CancelledError() if future.cancelled() else future.exception()
