"""The bounds that attncli holds itself to, measured: python benchmarks/run.py [--quick] [WORD …]

Prints a Markdown table. Words choose the rows that hold them all ("laplace float32"). Peers that are not installed
(torch, numba) leave their rows out. Everything is a ratio of two things done in turns in one run, so that a busy or
slow machine changes both; still, a quiet one tells more. Needs some 5 GB of free disk for the largest row.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import numpy as np
from measuring import machine, peak_bytes, process, ratio, ratio_in_a_row, rounds_for, seconds

from attncli import attend
from attncli.engine.engines import missing_packages

ROOT = str(Path(__file__).parent.parent)
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: what was done, what came out, and the bound. `details` are the two sides in absolute terms."""

    work: str
    measured: float
    bound: float
    details: str

    def __str__(self) -> str:
        met = "met" if self.measured <= self.bound else "**missed**"
        return f"| {self.work} | {self.measured:.2f} | ≤ {self.bound:g} | {met} | {self.details} |"


@dataclass(frozen=True, slots=True)
class Job:
    """A row that can be measured: its name first, so that it need not be measured to be chosen."""

    work: str
    measure: Callable[[], Row]


def compared(
    work: str, bound: float, ours: Callable[[], object], theirs: Callable[[], object], budget: float = 3.0
) -> Row:
    """A row that is a ratio of times."""
    middle, mine, other = ratio(ours, theirs, rounds_for(theirs, budget))
    return Row(work, middle, bound, f"{mine * 1e3:.4g} ms against {other * 1e3:.4g} ms")


def compared_also_in_a_row(work: str, bound: float, ours: Callable[[], object], theirs: Callable[[], object]) -> Row:
    """The same, and the ratio without pauses: threads that wait awake for the next call are quick to take it."""
    row = compared(work, bound, ours, theirs)
    warm = ratio_in_a_row(ours, theirs, rounds_for(theirs, 0.5))
    return replace(row, details=f"{row.details}; {warm:.2f} in a row")


def engines() -> list[str]:
    return ["numpy"] if missing_packages() else ["numpy", "numba"]


def normal(seed: int, *shape: int, dtype: str) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def scaled_jobs(quick: bool) -> Iterator[Job]:
    """attend(…).output against scaled_dot_product_attention."""
    if not find_spec("torch"):
        return
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    torch.set_num_threads(2)
    sizes = [(n, n, d) for n in ((1024, 4096) if quick else (1024, 4096, 8192)) for d in (64, 128)]
    bounds = {"numpy": 1.5, "numba": 1.0}
    for dtype in ("float32", "float64"):
        for shape in [*sizes, (4, 8, 512, 64)]:
            for causal in (False, True):
                for engine in engines():
                    rows, d = (shape[0], shape[-1]) if len(shape) == 3 else (shape, None)
                    what = f"n = m = {rows}, d = {d}" if d else " × ".join(map(str, shape))
                    work = f"scaled {dtype}, {what}{', causal' if causal else ''}: {engine} against torch"

                    def measure(work=work, dtype=dtype, shape=shape, causal=causal, engine=engine) -> Row:
                        lead = () if len(shape) == 3 else shape[:2]
                        n, d = (shape[0], shape[2]) if len(shape) == 3 else shape[2:]
                        arrays = [normal(seed, *lead, n, d, dtype=dtype) for seed in range(3)]
                        tensors = [torch.from_numpy(array if lead else array[None, None]) for array in arrays]
                        return compared_also_in_a_row(
                            work,
                            bounds[engine],
                            lambda: attend(*arrays, causal=causal, engine=engine).output,
                            lambda: scaled_dot_product_attention(*tensors, is_causal=causal),
                        )

                    yield Job(work, measure)


def laplace_jobs(quick: bool) -> Iterator[Job]:
    """The Laplace variant against torch.cdist(p=1), softmax and a product."""
    if not find_spec("torch"):
        return
    import torch

    torch.set_num_threads(2)
    bounds = {"numpy": 1.0, "numba": 0.35}
    for dtype in ("float32",) if quick else ("float32", "float64"):
        for n in (1024, 4096):
            for engine in engines():
                work = f"laplace {dtype}, n = m = {n}, d = 64: {engine} against torch"

                def measure(work=work, dtype=dtype, n=n, engine=engine) -> Row:
                    arrays = [normal(seed, n, 64, dtype=dtype) for seed in range(3)]
                    q, k, v = map(torch.from_numpy, arrays)
                    return compared(
                        work,
                        bounds[engine],
                        lambda: attend(*arrays, variant="laplace", engine=engine).output,
                        lambda: torch.softmax(-torch.cdist(q, k, p=1), -1) @ v,
                    )

                yield Job(work, measure)


def gradient_jobs() -> Iterator[Job]:
    """Output, dQ, dK and dV against torch's forward and backward pass."""
    if not find_spec("torch"):
        return
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    torch.set_num_threads(2)
    theirs = {
        "scaled": lambda q, k, v: scaled_dot_product_attention(q[None], k[None], v[None])[0],
        "laplace": lambda q, k, v: torch.softmax(-torch.cdist(q, k, p=1), -1) @ v,
    }
    bounds = {("scaled", "numpy"): 2.0, ("scaled", "numba"): 1.2, ("laplace", "numpy"): 0.5, ("laplace", "numba"): 0.5}
    for variant, forward in theirs.items():
        for engine in engines():
            work = f"gradients, {variant} float32, n = m = 4096, d = 64: {engine} against torch"

            def measure(work=work, variant=variant, forward=forward, engine=engine) -> Row:
                arrays = [normal(seed, 4096, 64, dtype="float32") for seed in range(4)]
                tensors = [torch.tensor(array, requires_grad=True) for array in arrays[:3]]

                def ours() -> None:
                    result = attend(*arrays[:3], variant=variant, engine=engine)
                    result.compute("output")
                    result.gradients(arrays[3]).compute("d_queries", "d_keys", "d_values")

                def autograd() -> None:
                    torch.autograd.grad(forward(*tensors), tensors, torch.from_numpy(arrays[3]))

                return compared(work, bounds[variant, engine], ours, autograd, 10)

            yield Job(work, measure)


def stage_jobs() -> Iterator[Job]:
    """Rope, a sink and ALiBi against torch doing the same by hand."""
    if not find_spec("torch"):
        return
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    torch.set_num_threads(2)
    n, d = 4096, 64

    def turn(rows: torch.Tensor) -> torch.Tensor:
        angles = torch.arange(n)[:, None] * 10000.0 ** (-2 * torch.arange(d // 2) / d)
        one, two = rows[:, : d // 2], rows[:, d // 2 :]
        return torch.cat([one * angles.cos() - two * angles.sin(), one * angles.sin() + two * angles.cos()], -1)

    def sink(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        scores = torch.cat([q @ k.T / d**0.5, torch.ones(n, 1)], -1)
        return torch.softmax(scores, -1)[:, :-1] @ v

    def alibi(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        distances = (torch.arange(n)[:, None] - torch.arange(n)).abs()
        return scaled_dot_product_attention(q[None, None], k[None, None], v[None, None], attn_mask=-0.25 * distances)

    by_hand = {
        "rope": ({"rope": "half"}, lambda q, k, v: scaled_dot_product_attention(turn(q)[None], turn(k)[None], v[None])),
        "sink": ({"sink": 1.0}, sink),
        "ALiBi": ({"alibi": 0.25}, alibi),
    }
    bounds = {"numpy": 1.5, "numba": 1.0}
    for name, (settings, theirs) in by_hand.items():
        for engine in engines():
            work = f"{name} float32, n = m = {n}, d = {d}: {engine} against torch by hand"

            def measure(work=work, settings=settings, theirs=theirs, engine=engine) -> Row:
                arrays = [normal(seed, n, d, dtype="float32") for seed in range(3)]
                tensors = list(map(torch.from_numpy, arrays))
                return compared(
                    work,
                    bounds[engine],
                    lambda: attend(*arrays, engine=engine, **settings).output,
                    lambda: theirs(*tensors),
                )

            yield Job(work, measure)


IMPORTS = "import numpy, yaml, typer, rich.table, rich.console"


def start_jobs(folder: Path) -> Iterator[Job]:
    """Whole processes: a small problem, and --version."""
    for name, text in (("q", "1,0\n0,1\n"), ("k", "1,0\n0,2\n"), ("v", "1,2\n3,4\n")):
        (folder / f"{name}.csv").write_text(text)
    ours = process(["-m", "attncli", "run", *(str(folder / f"{name}.csv") for name in "qkv")], PYTHONPATH=ROOT)
    imports = process(["-c", IMPORTS])
    work = "run of a two-row CSV problem, the process against importing numpy, yaml, typer, rich"
    yield Job(work, lambda work=work: compared(work, 1.10, ours, imports, 8))
    if find_spec("torch"):
        q = "torch.eye(2)[None, None]"
        torch = process(["-c", f"import torch; print(torch.nn.functional.scaled_dot_product_attention({q}, {q}, {q}))"])
        liner = "the same against a torch one-liner"
        yield Job(liner, lambda: compared(liner, 0.125, ours, torch, 15))
    version = "--version against those imports, both net of bare Python"
    yield Job(version, lambda: version_row(version, imports))


def version_row(work: str, imports: Callable[[], object]) -> Row:
    """Medians of the three processes in turns; bare Python is taken off both."""
    things = [process(["-m", "attncli", "--version"], PYTHONPATH=ROOT), imports, process(["-c", "pass"])]
    rounds = [[seconds(thing) for thing in things] for _ in range(21)]
    ours, theirs, bare = (statistics.median(times) for times in zip(*rounds, strict=True))
    details = f"{(ours - bare) * 1e3:.3g} ms against {(theirs - bare) * 1e3:.3g} ms"
    return Row(work, (ours - bare) / (theirs - bare), 0.3, details)


def memory_jobs(folder: Path, quick: bool) -> Iterator[Job]:
    """The peak of a process above its inputs and output, in MiB."""
    n = 16_384 if quick else 65_536
    work = f"{n} × {n}, d = 64, float32, output to .npy: peak memory above inputs and output, MiB"
    yield Job(work, lambda: output_row(folder, n, work))
    m = 8_192 if quick else 32_768
    stream = f"weights of {m} × {m} float32 streamed to .npy: "
    yield Job(stream + "peak memory above inputs, MiB", lambda: stream_rows(folder, m, stream)[0])
    yield Job(stream + "time against dd and the calculation", lambda: stream_rows(folder, m, stream)[1])


def output_row(folder: Path, n: int, work: str) -> Row:
    for seed, name in enumerate("qkv"):
        np.save(folder / f"large_{name}.npy", normal(seed, n, 64, dtype="float32"))
    files = [str(folder / f"large_{name}.npy") for name in "qkv"]
    arguments = ["run", *files, "-q", "--force", "-o", str(folder / "large_output.npy")]
    code = f"sys.path.insert(0, {ROOT!r})\nfrom attncli.cli.main import run_cli\nassert run_cli({arguments!r}) == 0"
    peak, took = peak_bytes(code)
    data = 4 * n * 64 * 4
    return Row(work, (peak - data) / MEBIBYTE, 160, f"{peak / MEBIBYTE:.0f} MiB in all, {took:.1f} s")


STREAMING = """
sys.path.insert(0, {root!r})
import numpy as np
from attncli import attend
from attncli.results.npy_sink import npy_sinks
result = attend(np.load({q!r}), np.load({k!r}))
class Nowhere:
    def __setitem__(self, where, block):
        pass
if {path!r}:
    with npy_sinks(result.problem, {{"weights": {path!r}}}, force=True) as sinks:
        result.compute(sinks=sinks)
else:
    result.compute(sinks={{"weights": Nowhere()}})
"""


@cache
def stream_rows(folder: Path, n: int, work: str) -> tuple[Row, Row]:
    names = {name: str(folder / f"stream_{name}.npy") for name in "qk"}
    for seed, path in enumerate(names.values()):
        np.save(path, normal(seed, n, 64, dtype="float32"))
    target = folder / "weights.npy"
    peaks, ratios, told = [], [], ""
    for _ in range(3):
        peak, whole = peak_bytes(STREAMING.format(root=ROOT, path=str(target), **names))
        target.unlink()
        _, calculation = peak_bytes(STREAMING.format(root=ROOT, path="", **names))
        plain = folder / "plain"
        disk = seconds(lambda plain=plain: copied(plain, n * n * 4))
        plain.unlink()
        peaks.append(peak)
        ratios.append(whole / (disk + calculation))
        told = f"{whole:.1f} s against {disk:.1f} s + {calculation:.1f} s"
    peak = max(peaks)
    above, whole_peak = (peak - 2 * n * 64 * 4) / MEBIBYTE, f"{peak / MEBIBYTE:.0f} MiB in all"
    memory = Row(work + "peak memory above inputs, MiB", above, 160, whole_peak)
    return memory, Row(work + "time against dd and the calculation", statistics.median(ratios), 1.3, told)


def copied(path: Path, size: int) -> None:
    """What `dd if=/dev/zero conv=fsync` does: so many zeros to disk, and all the way."""
    import subprocess

    command = ["dd", "if=/dev/zero", f"of={path}", "bs=1M", f"count={max(1, size // MEBIBYTE)}", "conv=fsync"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def growth_jobs(quick: bool) -> Iterator[Job]:
    """The exponent of the time in n."""
    large = 8_192 if quick else 32_768
    work = f"exponent of the time between n = 2048 and {large}, d = 64, float32"

    def measure() -> Row:
        small_arrays, large_arrays = (
            [normal(seed, n, 64, dtype="float32") for seed in range(3)] for n in (2048, large)
        )
        middle, big, little = ratio(
            lambda: attend(*large_arrays, engine="numpy").output,
            lambda: attend(*small_arrays, engine="numpy").output,
            5,
        )
        exponent = math.log(middle) / math.log(large / 2048)
        return Row(work, exponent, 2.1, f"{big * 1e3:.0f} ms against {little * 1e3:.1f} ms")

    yield Job(work, measure)


WITH_FILES = f"import sys; sys.path.insert(0, {ROOT!r}); import numpy as np; from attncli.files import read_bytes, "
WITH_FILES += "write_atomically; from attncli.formats import BY_NAME; from attncli.matrix import Matrix, Reading; "


def file_jobs(folder: Path) -> Iterator[Job]:
    """Large files of numbers in whole processes, less what the same process needs without the file."""
    table = str(folder / "table.npy")
    np.save(table, normal(0, 4096, 256, dtype="float64"))
    paths = {name: str(folder / f"table.{name}") for name in ("csv", "json", "yaml")}
    for name in ("csv", "json", "yaml"):
        path, work = paths[name], f"reading a {name} of 4096 × 256 against np.loadtxt of the csv"
        ours = f"BY_NAME[{name!r}].read(read_bytes({path!r}), {path!r}, Reading()).matrices"
        theirs = f"np.loadtxt({paths['csv']!r}, delimiter=',')"

        def reading(work=work, ours=ours, theirs=theirs) -> Row:
            from attncli.formats import BY_NAME
            from attncli.matrix import Matrix

            matrix = Matrix(np.load(table), "table")
            for each in ("json", "yaml"):
                Path(paths[each]).write_bytes(b"".join(map(bytes, BY_NAME[each].write({"output": matrix}))))
            np.savetxt(paths["csv"], matrix.array, delimiter=",")
            return above_row(work, 0.5, f"next(iter({ours}.values()))()", theirs)

        yield Job(work, reading)
    for name, bound in (("csv", 0.25), ("json", 0.25), ("yaml", 0.25)):
        work = f"writing a {name} of 4096 × 256 against np.savetxt of a csv"
        ours = f"write_atomically({str(folder / f'mine.{name}')!r}, BY_NAME[{name!r}].write("
        ours += f"{{'output': Matrix(np.load({table!r}), 'table')}}), force=True)"
        theirs = f"np.savetxt({str(folder / 'other.csv')!r}, np.load({table!r}), delimiter=',')"
        yield Job(work, lambda work=work, bound=bound, ours=ours, theirs=theirs: above_row(work, bound, ours, theirs))
    yield Job("reading a YAML problem of 200,000 numbers against CSafeLoader", lambda: yaml_row(folder))


def above_row(work: str, bound: float, ours: str, theirs: str) -> Row:
    """Medians of the processes in turns; each less the process that only imports."""
    codes = [WITH_FILES + ours, WITH_FILES + "pass", f"import numpy as np; {theirs}", "import numpy as np"]
    things = [process(["-c", code]) for code in codes]
    rounds = [[seconds(thing) for thing in things] for _ in range(11)]
    mine, my_imports, other, other_imports = (statistics.median(times) for times in zip(*rounds, strict=True))
    details = f"{(mine - my_imports) * 1e3:.3g} ms against {(other - other_imports) * 1e3:.3g} ms"
    return Row(work, (mine - my_imports) / (other - other_imports), bound, details)


def yaml_row(folder: Path) -> Row:
    import yaml

    from attncli.files import read_bytes
    from attncli.formats import BY_NAME
    from attncli.matrix import Reading

    path = str(folder / "problem.yaml")
    rows = {name: normal(seed, 1000, 100, dtype="float64").tolist() for seed, name in enumerate(("queries", "keys"))}
    Path(path).write_text(
        "\n".join(f"{name}:\n" + "\n".join(f"- {row}" for row in m) for name, m in rows.items()) + "\n"
    )
    return compared(
        "reading a YAML problem of 200,000 numbers against CSafeLoader",
        0.6,
        lambda: BY_NAME["yaml"].read(read_bytes(path), path, Reading()),
        lambda: yaml.load(Path(path).read_text(), yaml.CSafeLoader),
        15,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="measure only the rows that hold all of these words")
    parser.add_argument("--quick", action="store_true", help="smaller sizes: a minute instead of ten")
    parser.add_argument("--list", action="store_true", help="name the rows and measure none")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="attncli-benchmarks-") as name:
        folder = Path(name)
        jobs = [
            *start_jobs(folder),
            *file_jobs(folder),
            *laplace_jobs(asked.quick),
            *scaled_jobs(asked.quick),
            *gradient_jobs(),
            *stage_jobs(),
            *growth_jobs(asked.quick),
            *memory_jobs(folder, asked.quick),
        ]
        chosen = [job for job in jobs if all(word in job.work for word in asked.words)]
        if asked.list:
            print("\n".join(job.work for job in chosen))
            return
        print(f"{machine()}\n\n| work | measured | bound | | |\n|---|---|---|---|---|", flush=True)
        for job in chosen:
            print(job.measure(), flush=True)


if __name__ == "__main__":
    main()
