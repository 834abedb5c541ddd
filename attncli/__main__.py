"""The program `attncli`, also as `python -m attncli`."""

from __future__ import annotations

import os
import sys
import warnings


def main() -> None:
    """Run the command line and exit with its status."""
    # calculations have threads of their own, each with one of BLAS; the pool that OpenBLAS starts with NumPy would only
    # wait for work, which takes as much processor time as a small run
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from attncli.cli.main import run_cli as run

    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # Python's warnings are for developers: -W and PYTHONWARNINGS show them
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
