"""What a program prints under several settings of its environment."""

import os
import subprocess
import sys


def printed_under(program, settings):
    """Run a Python program once for each of these settings, and return the different texts that it prints."""
    return {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **setting},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for setting in settings
    }
