"""The bounds within which files are opened end what exceeds them."""

import json
import signal
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

ENDLESS = """
import tests.hostile.opening as opening
import toolkit.checkpoint

def endless(path):
    while True:
        pass

toolkit.checkpoint.open_checkpoint = endless
opening.CHECKPOINT_CPU_S = 1
opening.main()
"""


def test_opening_without_end_is_killed_by_the_bound_on_processor_time():
    done = subprocess.run(
        [sys.executable, "-c", ENDLESS],
        cwd=REPOSITORY,
        input="anything.pt\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert json.loads(done.stdout) == {"died": -signal.SIGXCPU}
