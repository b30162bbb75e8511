"""``python -m infra.usage``."""

import os
import sys

from infra.usage.cli import main

try:
    code = main(sys.argv[1:])
    sys.stdout.flush()
except BrokenPipeError:  # who reads has seen enough; the flush at the exit would complain once more
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    code = 0
sys.exit(code)
