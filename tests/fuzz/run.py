"""Coverage-guided fuzzing of everything that reads foreign bytes: `make fuzz`.

Every target gets a process and a share of the time. A crash is any exception but BadInput, a hang
is an input that takes over 5 s, and 1 GB is the bound of memory. What is found lies in `--found`;
once mended, it moves to `tests/fuzz/corpus/<target>/`, which the tests run for ever.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
MAX_UNIT_S = 5
MAX_MEMORY_MB = 1024
MAX_INPUT_BYTES = 4096

SHARES = {
    "checkpoint": 5,
    "zip_pickle": 5,
    "pickle": 5,
    "dictionary": 1,
    "conv_layers": 1,
    "mapping": 2,
    "yaml": 2,
    "config_yaml": 1,
    "manifest": 1,
    "audio": 1,
    "weights": 2,
    "folder_json": 1,
    "pattern": 2,
}
"""How the time is divided."""

_CHILD = "--child"


def main() -> int:
    """Returns 0 if nothing was found."""
    if sys.argv[1:2] == [_CHILD]:
        _fuzz(sys.argv[2], sys.argv[3:])
    options = _parse_options()
    names = options.targets or list(SHARES)
    total = sum(SHARES[name] for name in names)
    found = [
        path
        for name in names
        for path in _run_child(name, options.seconds * SHARES[name] / total, options.found)
    ]
    for path in found:
        print(f"found: {path}")
    return 1 if found else 0


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600, help="for all targets together")
    parser.add_argument("--found", type=Path, default=Path("reports/fuzz"), metavar="DIR")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(SHARES)}")
    return parser.parse_args()


def _run_child(name: str, seconds: float, found: Path) -> list[Path]:
    folder = found / name
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.iterdir())
    deadline = time.monotonic() + seconds
    # libFuzzer ends at the first finding; the next round begins where the corpus stands.
    with tempfile.TemporaryDirectory(prefix="fuzz-corpus-") as corpus:
        while (left := deadline - time.monotonic()) >= 1:
            output = _run_once(name, Path(corpus), folder, left)
            print(f"{name}: {_summarize(output)}", flush=True)
            if len(set(folder.iterdir()) - before) >= 10:
                break
    return sorted(set(folder.iterdir()) - before)


def _run_once(name: str, corpus: Path, folder: Path, seconds: float) -> str:
    arguments = [
        f"-max_total_time={max(1, round(seconds))}",
        f"-timeout={MAX_UNIT_S}",
        f"-rss_limit_mb={MAX_MEMORY_MB}",
        f"-max_len={MAX_INPUT_BYTES}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
        str(corpus),
    ]
    command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz.run", _CHILD, name, *arguments]
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        # A child that hangs for good, in C code, is killed; libFuzzer cannot interrupt that.
        try:
            subprocess.run(
                command, stdout=log, stderr=log, check=False, timeout=seconds + 60 + MAX_UNIT_S
            )
        except subprocess.TimeoutExpired:
            folder.joinpath(f"killed-{time.time_ns()}").touch()
        output = Path(log.name).read_text(errors="replace")
    if "Done " not in output or "BINGO" in output or "ERROR: libFuzzer" in output:
        folder.joinpath(f"log-{time.time_ns()}.txt").write_text(output[-20_000:])
    return output


def _summarize(output: str) -> str:
    steps = re.findall(r"^#(\d+)\s+(\w+)\s+cov: (\d+) ft: (\d+) corp: (\d+)", output, re.M)
    if not steps:
        return "no figures: " + " | ".join(output.strip().splitlines()[-3:])
    inited = next((step for step in steps if step[1] == "INITED"), steps[0])
    stats = dict(re.findall(r"stat::(\w+):\s+(\d+)", output))
    return (
        f"{stats.get('number_of_executed_units', steps[-1][0])} inputs, "
        f"{stats.get('average_exec_per_sec', '?')}/s, coverage {inited[2]} -> {steps[-1][2]}, "
        f"features {inited[3]} -> {steps[-1][3]}, corpus {inited[4]} -> {steps[-1][4]}, "
        f"slowest {stats.get('slowest_unit_time_sec', '?')} s, "
        f"peak {stats.get('peak_rss_mb', '?')} MB"
    )


def _fuzz(name: str, arguments: Sequence[str]) -> None:
    """Runs libFuzzer on one target; never returns."""
    import atheris

    with atheris.instrument_imports(include=["toolkit"]):
        from tests.fuzz.targets import TARGETS, run
    from tests.fuzz.seeds import seeds, words

    corpus = Path(arguments[-1])
    known = sorted((CORPUS / name).glob("*"))
    for number, data in enumerate([*seeds(name), *(path.read_bytes() for path in known)]):
        (corpus / f"seed-{number}").write_bytes(data)
    with tempfile.NamedTemporaryFile("w", suffix=".dict") as dictionary:
        lines = ("".join(f"\\x{byte:02x}" for byte in word) for word in words(name))
        dictionary.write("".join(f'"{line}"\n' for line in lines))
        dictionary.flush()
        target = TARGETS[name]
        atheris.Setup(
            [sys.argv[0], f"-dict={dictionary.name}", *arguments], lambda data: run(target, data)
        )
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
