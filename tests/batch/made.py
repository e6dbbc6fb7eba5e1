"""Results as a batch leaves them, without the work that leads to them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from tests.batch.test_hashes import Memory
from toolkit.audio import golden_folder
from toolkit.batch.identity import identify, unreadable
from toolkit.batch.jobs import read_jobs
from toolkit.batch.ledger import open_ledger
from toolkit.batch.outcome import Outcome

CONVERT = """
[[job]]
do = "convert"
checkpoints = "models/*/model.pt"
out = "hf/{folder}"
verify = false
"""
RESULT = json.loads((Path(__file__).parent / "result.json").read_text())
DONE = Outcome(ending="done", result=RESULT)
FAILED = {
    "verdict": "fail",
    "clips": 1,
    "summary": "far off",
    "worst": {"where": "clip", "error": 2.0, "tolerance": 1e-3},
}
NO_NUMBER = {**FAILED, "worst": {"where": "other", "error": "NaN", "tolerance": 1e-3}}


def never(_: str) -> bool:
    return False


def fill_shelf(folder: Path) -> Path:
    """Three checkpoints, one of which is cut off."""
    for name in ("hubert_ctc", "hubert_encoder"):
        shutil.copytree(golden_folder() / "untrained" / name, folder / "models" / name)
    whole = (golden_folder() / "ctc" / "model.pt").read_bytes()
    (folder / "models" / "broken").mkdir()
    (folder / "models" / "broken" / "model.pt").write_bytes(whole[: len(whole) // 2])
    (folder / "hf").mkdir()
    return folder


def make_results(shelf: Path) -> Path:
    """Of its checkpoints one could not be read, one matches, one does not."""
    (shelf / "jobs.toml").write_text(CONVERT, encoding="utf-8")
    (table,) = read_jobs(shelf / "jobs.toml")
    broken, first, second = table.jobs()
    wrong = {**RESULT, "verdict": "mismatch", "levels": {"logits": FAILED, "greedy": NO_NUMBER}}
    refused = Outcome(ending="refused", because="It is cut off.")
    mismatch = replace(DONE, result=wrong, report="reports/3.html")
    with open_ledger(shelf / "r") as ledger:
        for identity, outcome in (
            (unreadable(broken, "It is cut off."), refused),
            (identify(first, Memory().hashes), DONE),
            (identify(second, Memory().hashes), mismatch),
        ):
            ledger.family(identity)
            job = ledger.enter(identity, never).id
            ledger.claim(job)
            ledger.finish(job, outcome)
    (shelf / "r" / "reports").mkdir()
    return shelf / "r"
