"""The command line: arguments to pipeline to exit code."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from toolkit.console.about import completion_option, version_option
from toolkit.console.answering import deliver, working
from toolkit.console.batches import register_batches
from toolkit.console.exits import Commands, Exit
from toolkit.console.helping import HELP
from toolkit.console.proofs import register_proofs
from toolkit.console.registering import REPORTS, Asked, command_of
from toolkit.console.speaking import make_console, printing, say, width
from toolkit.core.counting import counted
from toolkit.core.outputs import STDOUT

if TYPE_CHECKING:
    from toolkit.core.planned import PlannedConversion, PlannedExport
    from toolkit.core.progress import Progress
    from toolkit.core.result import Result
    from toolkit.session.program import Shown

Plan = TypeVar("Plan", "PlannedConversion", "PlannedExport")

OBJECTS_BEFORE_COLLECTION = 10_000
"""With Python's own 700 it looks through what is imported, never garbage, some 200 times."""

app = Commands(
    name="toolkit",
    help=(
        "Converts fairseq speech models to Hugging Face transformers, and proves it.\n\n"
        "Example: toolkit convert model.pt out/ --verify --html report.html\n\n"
        "Each command shows examples of its own: toolkit convert --help"
    ),
    params=[version_option(), completion_option()],
    context_settings=HELP,
)

_command = partial(command_of, app)


@_command("toolkit.pipeline.inspection", shows=("everything", *REPORTS))
def inspect(asked: Asked, shown: Shown) -> None:
    """Say what a fairseq file is. Runs no code from it and needs no fairseq.

    Example: toolkit inspect golden_audio/checkpoint/model.pt

    Example: toolkit inspect model.pt --all

    Example: toolkit inspect model.pt --html inspection.html
    """
    from toolkit.pipeline import inspect as run
    from toolkit.report.inspection import print_inspection, render_inspection, summarize

    # All that it makes is shown at its end; collections would be a thirtieth of its time.
    gc.disable()
    with working(True, shown.html, shown.json_path):
        inspection = run(**asked)

    def show(err: bool) -> None:
        if shown.everything:
            print_inspection(inspection, make_console(err=err))
        else:
            say(summarize(inspection, width()), err=err)

    deliver(
        shown,
        values=inspection.to_dict,
        page=lambda: render_inspection(inspection),
        show=show,
    )


@_command("toolkit.pipeline.conversion", shows=("dry_run", *REPORTS), is_checked=True)
def convert(asked: Asked, shown: Shown) -> None:
    """Write a Hugging Face folder; prove it before it appears.

    Example: toolkit convert model.pt out/ --verify --html report.html

    Example: toolkit convert model.pt out/ --dry-run

    Example: toolkit convert model.pt out/ --no-verify --target-lang de

    Example: toolkit convert fork.pt out/ --mapping fork-mapping.yaml
    """
    if shown.dry_run:
        from toolkit.pipeline.planning import plan_conversion
        from toolkit.report.planned import summarize_plan

        _plan(plan_conversion, summarize_plan, asked, shown)
        return
    from toolkit.pipeline import convert as run

    _judge(run, asked, shown)


@_command("toolkit.pipeline.exporting", shows=("dry_run", *REPORTS), is_checked=True)
def export(asked: Asked, shown: Shown) -> None:
    """Write a fairseq checkpoint of a folder; prove it before it appears.

    Example: toolkit export out/ back.pt --like model.pt

    Example: toolkit export trained/ trained.pt --html report.html

    Example: toolkit export trained/ trained.pt --like model.pt --dry-run
    """
    if shown.dry_run:
        from toolkit.pipeline.exporting import plan_export
        from toolkit.report.planned import summarize_export

        _plan(plan_export, summarize_export, asked, shown)
        return
    from toolkit.pipeline.exporting import export as run

    _judge(run, asked, shown)


@_command("toolkit.pipeline.inferring", shows=("json_path", "quiet"), is_checked=True)
def infer(asked: Asked, shown: Shown) -> None:
    """Write a mapping file for a fork, with the evidence of each row.

    Example: toolkit infer fork.pt --like FAMILY --user-dir fork/ --write map.yaml

    Example: toolkit infer fork.pt --like hf/ --write map.yaml
    """
    from toolkit.pipeline.inferring import infer as run
    from toolkit.report.inferred import summarize_inference

    with working(shown.quiet, shown.json_path) as progress:
        inference = run(**asked, progress=progress)
    deliver(
        shown,
        values=inference.to_dict,
        show=lambda err: say(summarize_inference(inference, width()), err=err),
    )


@_command("toolkit.pipeline.verification", is_checked=True)
def verify(asked: Asked, shown: Shown) -> None:
    """Prove that a folder does what a checkpoint does, whoever made the folder.

    Example: toolkit verify model.pt out/ --json result.json

    Example: toolkit verify model.pt out/ --audio clips/ --html report.html

    Example: toolkit verify model.pt out/ --fairseq-python ~/fairseq-env/bin/python
    """
    from toolkit.pipeline import verify as run

    _judge(run, asked, shown)


@_command("toolkit.pipeline.recording", shows=("json_path", "quiet"), is_checked=True)
def record(asked: Asked, shown: Shown) -> None:
    """Run fairseq once and store its answers, so that nothing else needs fairseq.

    Example: toolkit record model.pt recording/

    Example: toolkit record model.pt recording/ --audio clips/
    """
    from toolkit.pipeline.recording import record as run
    from toolkit.report.text import describe_bytes

    with working(shown.quiet, shown.json_path) as progress:
        heard = progress if shown.quiet else _saying_size(progress)
        recording = run(**asked, progress=heard)
    said = f"recorded: {recording.path} ({describe_bytes(recording.num_bytes)})"
    deliver(
        shown,
        values=recording.to_dict,
        show=lambda err: say(said, err=err),
    )


def _saying_size(progress: Progress | None) -> Progress:
    """The same progress, which also prints how large the recording will be."""
    from toolkit.oracle.recorder import SIZE

    def report(what: str, done: int, total: int, unit: str = "steps") -> None:
        if SIZE in what:
            say(what)
        if progress is not None:
            progress(what, done, total, unit)

    return report


@_command("toolkit.pipeline.elsewhere", shows=("quiet",))
def recorder(asked: Asked, shown: Shown) -> None:
    """Write a file that records a checkpoint where fairseq lives, without the toolkit.

    It needs Python 3.8 or newer, torch, numpy and fairseq: python3.8 recorder.pyz model.pt rec/

    Example: toolkit recorder model.pt --write recorder.pyz

    Example: toolkit recorder model.pt --write recorder.pyz --audio clips/
    """
    from tempfile import TemporaryDirectory

    from toolkit.pipeline.elsewhere import make_recorder
    from toolkit.report.files import write_bytes
    from toolkit.report.text import describe_bytes

    destination = asked["destination"]
    with TemporaryDirectory(prefix="toolkit-recorder-") as folder:
        with working(True, destination):
            made = make_recorder(**{**asked, "destination": Path(folder) / "recorder.pyz"})
        content = made.read_bytes()
    with printing():
        write_bytes(destination, content, force=False)
    if not shown.quiet:
        size = describe_bytes(len(content))
        say(f"written: {destination} ({size})", err=destination == STDOUT)


@_command("toolkit.pipeline.features", shows=("quiet",))
def features(asked: Asked, shown: Shown) -> None:
    """Write what a layer of an encoder gives for clips, each heard alone.

    Example: toolkit features out/ clips/ --layer 9 --out features.safetensors

    Example: toolkit features out/ clip.flac --layer 9 --final-proj --out clip.npy
    """
    from toolkit.console.arrays import as_bytes, expect_array_file
    from toolkit.pipeline.features import extract_features
    from toolkit.report.files import write_bytes

    destination = asked.pop("out")
    with working(shown.quiet, destination) as progress:
        expect_array_file(destination)
        made = extract_features(**asked, progress=progress)
        content = as_bytes(made, destination)
    with printing():
        write_bytes(destination, content, force=False)
    if not shown.quiet:
        frames = sum(len(array) for array in made.values())
        say(
            f"written: {destination} ({counted(len(made), 'clips')}, {frames} frames)",
            err=destination == STDOUT,
        )


@_command("toolkit.pipeline.difference", is_checked=True)
def diff(asked: Asked, shown: Shown) -> None:
    """Find and explain what is wrong with a folder: module, tensor or key, rule, fix.

    Example: toolkit diff model.pt out/ --html report.html

    Example: toolkit diff model.pt out/ --recording recording/

    Example: toolkit diff model.pt out/ --reproduction cases/

    Example: toolkit diff model.pt out/ --fix mended/
    """
    from toolkit.pipeline import diff as run

    _judge(run, asked, shown)


@_command("toolkit.pipeline.faulting")
def faults(asked: Asked, shown: Shown) -> None:
    """Break a good conversion on purpose, fault by fault, and check what diff says.

    Example: toolkit faults --html faults.html

    Example: toolkit faults --only swapped --workers 4

    Example: toolkit faults --family hubert_pretraining
    """
    from toolkit.pipeline.faulting import faults as run
    from toolkit.report.faults import print_faults, render_faults

    with working(shown.quiet, shown.html, shown.json_path) as progress:
        result = run(**asked, progress=progress)
    deliver(
        shown,
        values=result.to_dict,
        page=lambda: render_faults(result),
        show=lambda err: print_faults(result, make_console(err=err)),
    )
    raise click.exceptions.Exit(Exit.MATCH if result.perfect else Exit.MISMATCH)


@_command("toolkit.report.compare_runs")
def report(asked: Asked, shown: Shown) -> None:
    """Show what changed between two or more runs.

    Exits with 1 where the last run found a mismatch.

    Example: toolkit report before.json after.json --html changes.html
    """
    from toolkit.report.compare_runs import compare_runs, print_comparison, render_comparison

    comparison = compare_runs(**asked)
    deliver(
        shown,
        values=comparison.to_dict,
        page=lambda: render_comparison(comparison),
        show=lambda err: print_comparison(comparison, make_console(err=err)),
    )
    raise click.exceptions.Exit(Exit.MATCH if comparison.matches else Exit.MISMATCH)


@_command("toolkit.pipeline.health", shows=("json_path", "quiet"))
def doctor(asked: Asked, shown: Shown) -> None:
    """Say what can be proven here, and for each problem what mends it.

    Exits with 2 where nothing can be proven.

    Example: toolkit doctor

    Example: toolkit doctor --fairseq-python ~/fairseq-env/bin/python
    """
    from toolkit.pipeline.health import examine
    from toolkit.report.health import describe_health

    health = examine(**asked)
    deliver(
        shown,
        values=health.to_dict,
        show=lambda err: say(describe_health(health, width()), err=err),
    )
    health.expect_proofs()


register_batches(app)
register_proofs(app)


def main() -> None:
    """The console script."""
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    app()


def _plan(
    run: Callable[..., Plan], summarize: Callable[[Plan, int], str], asked: Asked, shown: Shown
) -> None:
    """Says what a command would do."""
    if shown.html is not None:
        raise click.UsageError("`--html` must stand without `--dry-run`, which has no report")
    with working(shown.quiet, shown.json_path) as progress:
        plan = run(**asked, progress=progress)
    deliver(
        shown,
        values=plan.to_dict,
        show=lambda err: say(summarize(plan, width()), err=err),
    )


def _judge(run: Callable[..., Result], asked: Asked, shown: Shown) -> NoReturn:
    """Runs a command that comes to a verdict, and ends with it."""
    from toolkit import report

    with working(shown.quiet, shown.html, shown.json_path) as progress:
        result = run(**asked, progress=progress, pictures=shown.html is not None)
    deliver(
        shown,
        values=result.to_dict,
        page=lambda: report.render_html(result),
        show=lambda err: report.print_result(result, make_console(err=err), shown.html),
    )
    raise click.exceptions.Exit(Exit.MISMATCH if result.verdict == "mismatch" else Exit.MATCH)
