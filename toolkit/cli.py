"""The command line: arguments to pipeline to exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from toolkit.core.result import Result


class Exit(IntEnum):
    """What the exit code says; scripts rely on it."""

    MATCH = 0
    MISMATCH = 1
    BAD_INPUT = 2


app = typer.Typer(
    name="toolkit",
    help="Converts fairseq speech models to Hugging Face transformers, and proves it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

CheckpointArgument = Annotated[
    Path, typer.Argument(metavar="CHECKPOINT", help="fairseq checkpoint; only ever read.")
]
FolderArgument = Annotated[
    Path, typer.Argument(metavar="HF_DIR", help="Hugging Face folder, whoever made it.")
]
OutArgument = Annotated[
    Path, typer.Argument(metavar="OUT", help="Folder to write; must not exist yet.")
]
DictOption = Annotated[
    Path | None,
    typer.Option("--dict", metavar="FILE", help="dict.txt; found beside the checkpoint."),
]
SpmOption = Annotated[
    Path | None,
    typer.Option("--spm", metavar="FILE", help="sentencepiece model; found beside the checkpoint."),
]
YamlOption = Annotated[
    Path | None,
    typer.Option("--config-yaml", metavar="FILE", help="config.yaml; found beside the checkpoint."),
]
LangOption = Annotated[
    str | None,
    typer.Option("--target-lang", metavar="CODE", help="Language that generation starts with."),
]
MappingOption = Annotated[
    Path | None,
    typer.Option(
        "--mapping", metavar="FILE", help="YAML of rules that replace or extend the family's."
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder-config", metavar="JSON", help="Encoder values, as JSON or a file of it."
    ),
]
DecoderOption = Annotated[
    str | None,
    typer.Option(
        "--decoder-config", metavar="JSON", help="Decoder values, as JSON or a file of it."
    ),
]
AudioOption = Annotated[
    list[Path] | None,
    typer.Option("--audio", metavar="PATH", help="Clips or folders of clips; repeatable."),
]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the report as one HTML file.")
]
JsonOption = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]


@app.command()
def inspect(
    checkpoint: CheckpointArgument,
    dict_path: DictOption = None,
    spm: SpmOption = None,
    config_yaml: YamlOption = None,
    mapping: MappingOption = None,
    encoder_config: EncoderOption = None,
    decoder_config: DecoderOption = None,
    html: HtmlOption = None,
    json_path: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Say what a fairseq file is. Runs no code from it and needs no fairseq.

    Example: toolkit inspect golden_audio/checkpoint/model.pt
    """
    from toolkit.pipeline import inspect as run
    from toolkit.report.files import write_bytes
    from toolkit.report.inspection import print_inspection, write_inspection_html

    with _bad_input_exits():
        _check_report_paths(html, json_path)
        inspection = run(
            checkpoint,
            **_material(dict_path, spm, config_yaml, mapping),
            **_overrides(encoder_config, decoder_config),
        )
        if json_path is not None:
            write_bytes(json_path, json.dumps(inspection.to_dict(), indent=1).encode())
        if html is not None:
            write_inspection_html(inspection, html)
        if not quiet:
            print_inspection(inspection, _console())


@app.command()
def convert(
    checkpoint: CheckpointArgument,
    out: OutArgument,
    verify: Annotated[
        bool | None,
        typer.Option(
            "--verify/--no-verify",
            help="Prove the folder before it appears. Default: if fairseq is installed.",
        ),
    ] = None,
    dict_path: DictOption = None,
    spm: SpmOption = None,
    config_yaml: YamlOption = None,
    target_lang: LangOption = None,
    mapping: MappingOption = None,
    encoder_config: EncoderOption = None,
    decoder_config: DecoderOption = None,
    audio: AudioOption = None,
    html: HtmlOption = None,
    json_path: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write a Hugging Face folder; prove it before it appears.

    Example: toolkit convert model.pt out/ --verify --html report.html
    """
    from toolkit.pipeline import convert as run

    with _bad_input_exits():
        _check_report_paths(html, json_path)
        with _progress(quiet) as progress:
            result = run(
                checkpoint,
                out,
                verify=verify,
                audio=audio or (),
                target_lang=target_lang,
                **_material(dict_path, spm, config_yaml, mapping),
                **_overrides(encoder_config, decoder_config),
                progress=progress,
            )
        _deliver(result, html, json_path, quiet)


@app.command()
def verify(
    checkpoint: CheckpointArgument,
    hf_dir: FolderArgument,
    dict_path: DictOption = None,
    spm: SpmOption = None,
    config_yaml: YamlOption = None,
    target_lang: LangOption = None,
    mapping: MappingOption = None,
    encoder_config: EncoderOption = None,
    decoder_config: DecoderOption = None,
    audio: AudioOption = None,
    html: HtmlOption = None,
    json_path: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Prove that a folder does what a checkpoint does, whoever made the folder.

    Example: toolkit verify model.pt out/ --json result.json
    """
    from toolkit.pipeline import verify as run

    with _bad_input_exits():
        _check_report_paths(html, json_path)
        with _progress(quiet) as progress:
            result = run(
                checkpoint,
                hf_dir,
                audio=audio or (),
                target_lang=target_lang,
                **_material(dict_path, spm, config_yaml, mapping),
                **_overrides(encoder_config, decoder_config),
                progress=progress,
            )
        _deliver(result, html, json_path, quiet)


@app.command()
def record(
    checkpoint: CheckpointArgument,
    rec_dir: Annotated[
        Path, typer.Argument(metavar="REC_DIR", help="Folder to write; must not exist yet.")
    ],
    dict_path: DictOption = None,
    spm: SpmOption = None,
    config_yaml: YamlOption = None,
    target_lang: LangOption = None,
    mapping: MappingOption = None,
    audio: AudioOption = None,
    quiet: QuietOption = False,
) -> None:
    """Run fairseq once and store what diff needs, so that diff needs no fairseq.

    Example: toolkit record model.pt recording/
    """
    from toolkit.pipeline.recording import record as run

    with _bad_input_exits():
        with _progress(quiet) as progress:
            run(
                checkpoint,
                rec_dir,
                audio=audio or (),
                target_lang=target_lang,
                **_material(dict_path, spm, config_yaml, mapping),
                progress=progress,
            )
        if not quiet:
            size = sum(file.stat().st_size for file in rec_dir.iterdir())
            typer.echo(f"recorded: {rec_dir} ({size / 1e6:.1f} MB)")


@app.command()
def diff(
    checkpoint: CheckpointArgument,
    hf_dir: FolderArgument,
    dict_path: DictOption = None,
    spm: SpmOption = None,
    config_yaml: YamlOption = None,
    target_lang: LangOption = None,
    mapping: MappingOption = None,
    encoder_config: EncoderOption = None,
    decoder_config: DecoderOption = None,
    audio: AudioOption = None,
    recording: Annotated[
        Path | None,
        typer.Option("--recording", metavar="REC_DIR", help="Use a recording instead of fairseq."),
    ] = None,
    reproduction: Annotated[
        Path | None,
        typer.Option(
            "--reproduction",
            metavar="DIR",
            help="Write a runnable minimal case of every module that errs without explanation.",
        ),
    ] = None,
    html: HtmlOption = None,
    json_path: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Find and explain what is wrong with a folder: module, tensor or key, rule, fix.

    Example: toolkit diff model.pt out/ --html report.html
    """
    from toolkit.pipeline import diff as run

    with _bad_input_exits():
        _check_report_paths(html, json_path)
        with _progress(quiet) as progress:
            result = run(
                checkpoint,
                hf_dir,
                audio=audio or (),
                target_lang=target_lang,
                **_material(dict_path, spm, config_yaml, mapping),
                **_overrides(encoder_config, decoder_config),
                recording=recording,
                reproduction=reproduction,
                progress=progress,
            )
        _deliver(result, html, json_path, quiet)


@app.command()
def faults(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(metavar="[CHECKPOINT]", help="A convertible checkpoint; the golden one."),
    ] = None,
    only: Annotated[
        str, typer.Option("--only", metavar="TEXT", help="Only faults whose name contains TEXT.")
    ] = "",
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 2,
    html: HtmlOption = None,
    json_path: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Break a good conversion on purpose, fault by fault, and check what diff says.

    Example: toolkit faults --html faults.html
    """
    from toolkit.pipeline.faulting import faults as run
    from toolkit.report.faults import print_faults, write_faults_html
    from toolkit.report.files import write_bytes

    with _bad_input_exits():
        _check_report_paths(html, json_path)
        with _progress(quiet) as progress:
            result = run(
                checkpoint, workers=workers, keep=lambda name: only in name, progress=progress
            )
        if json_path is not None:
            write_bytes(json_path, json.dumps(result.to_dict(), indent=1).encode())
        if html is not None:
            write_faults_html(result, html)
        if not quiet:
            print_faults(result, _console())
        raise typer.Exit(Exit.MATCH if result.perfect else Exit.MISMATCH)


def main() -> None:
    """The console script."""
    app()


@app.callback(invoke_without_command=True)
def _toolkit(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show versions and exit.")] = False,
) -> None:
    if version:
        from toolkit.pipeline.verification import environment

        for name, value in environment().items():
            typer.echo(f"{name} {value}")
        raise typer.Exit(Exit.MATCH)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(Exit.BAD_INPUT)


def _deliver(result: Result, html: Path | None, json_path: Path | None, quiet: bool) -> None:
    from toolkit.report import print_result, write_html, write_json

    if json_path is not None:
        write_json(result, json_path)
    if html is not None:
        write_html(result, html)
    if not quiet:
        print_result(result, _console(), html)
    raise typer.Exit(Exit.MISMATCH if result.verdict == "mismatch" else Exit.MATCH)


@contextmanager
def _bad_input_exits() -> Iterator[None]:
    from toolkit.core.errors import InternalError, ToolkitError

    try:
        yield
    except InternalError:
        raise
    except ToolkitError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(Exit.BAD_INPUT) from None


@contextmanager
def _progress(quiet: bool) -> Iterator[Any]:
    """A progress bar on a terminal, nothing in a pipe."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda what, done, total: bar.update(
            task, description=what, completed=done, total=total
        )


def _console() -> Console:
    from rich.console import Console

    return Console()


def _material(
    dict_path: Path | None, spm: Path | None, config_yaml: Path | None, mapping: Path | None
) -> dict[str, Any]:
    """The files beside a checkpoint, as the Python functions call them."""
    return {"dict": dict_path, "spm": spm, "config_yaml": config_yaml, "mapping": mapping}


def _overrides(encoder_config: str | None, decoder_config: str | None) -> dict[str, Any]:
    """The values that a checkpoint does not give, as the Python functions call them."""
    return {
        "encoder_config": _read_json_option("--encoder-config", encoder_config),
        "decoder_config": _read_json_option("--decoder-config", decoder_config),
    }


def _read_json_option(option: str, text: str | None) -> dict[str, Any] | None:
    """The object in `--encoder-config` and its kin: JSON itself, or the path of a file of it."""
    from toolkit.core.errors import BadInput

    if text is None:
        return None
    try:
        source = text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8")
        values = json.loads(source)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{option}` must be a JSON object or a file of one, but {error}. "
            "Write it as '{\"key\": value}'."
        ) from error
    if not isinstance(values, dict):
        raise BadInput(
            f"`{option}` must be a JSON object, but is {type(values).__name__}. "
            "Write it as '{\"key\": value}'."
        )
    return values


def _check_report_paths(*paths: Path | None) -> None:
    """Refuses a report that could not be written before minutes of work go by."""
    from toolkit.core.errors import BadInput

    for path in paths:
        if path is not None and not path.absolute().parent.is_dir():
            raise BadInput(
                f"`{path}` must lie in an existing folder, but `{path.absolute().parent}` is none. "
                "Create it first."
            )
