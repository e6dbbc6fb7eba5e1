"""The command line: arguments to pipeline to exit code."""

from __future__ import annotations

import inspect as introspection
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar, get_args

import typer

from toolkit.console.exits import Commands, Exit
from toolkit.console.outputs import Role, check_given
from toolkit.core.outputs import STDOUT

if TYPE_CHECKING:
    from rich.console import Console

    from toolkit.core.result import Result
    from toolkit.pipeline.basics import Progress

app = typer.Typer(
    name="toolkit",
    cls=Commands,
    help=(
        "Converts fairseq speech models to Hugging Face transformers, and proves it.\n\n"
        "Example: toolkit convert model.pt out/ --verify --html report.html\n\n"
        "Each command shows examples of its own: toolkit convert --help"
    ),
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
    Path,
    typer.Argument(metavar="OUT", help="Folder to write; must not exist yet."),
    Role.FOLDER,
]
AudioOption = Annotated[
    list[Path] | None,
    typer.Option("--audio", metavar="PATH", help="Clips or folders of clips; repeatable."),
    Role.SHELF,
]
HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write the report as one HTML file; `-`: stdout."),
    Role.REPORT,
]
JsonOption = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write the result as JSON; `-`: stdout."),
    Role.REPORT,
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]

MATERIAL: dict[str, tuple[type, dict[str, Any], Any]] = {
    "dict": (Path, {"metavar": "FILE", "help": "dict.txt; found beside the checkpoint."}, None),
    "spm": (
        Path,
        {"metavar": "FILE", "help": "sentencepiece model; found beside the checkpoint."},
        None,
    ),
    "config_yaml": (
        Path,
        {"metavar": "FILE", "help": "config.yaml; found beside the checkpoint."},
        None,
    ),
    "w2v": (
        Path,
        {
            "metavar": "FILE",
            "help": "Pretrained wav2vec 2.0 checkpoint whose arguments are missing; found beside.",
        },
        None,
    ),
    "target_lang": (
        str,
        {"metavar": "CODE", "help": "Language that generation starts with."},
        None,
    ),
    "mapping": (
        Path,
        {"metavar": "FILE", "help": "YAML of rules that replace or extend the family's."},
        None,
    ),
    "encoder_config": (
        str,
        {"metavar": "JSON", "help": "Encoder values, as JSON or a file of it."},
        None,
    ),
    "decoder_config": (
        str,
        {"metavar": "JSON", "help": "Decoder values, as JSON or a file of it."},
        None,
    ),
    "exact_padding": (
        bool,
        {"help": "Carry code rather than deviate in padded batches."},
        False,
    ),
    "dtype": (
        str,
        {
            "metavar": "DTYPE",
            "help": "float32, float16 or bfloat16; the checkpoint's own by default.",
        },
        None,
    ),
    "padding_reference": (
        str,
        {
            "metavar": "KIND",
            "help": "`masked`: padded batches as in fairseq since August 2022; `unmasked`: before.",
        },
        "masked",
    ),
}
"""Options of every command, by the keyword of `toolkit.pipeline.prepare.Material`: type, what
`--help` says, and default."""

RecordingOption = Annotated[
    Path | None,
    typer.Option(
        "--recording", metavar="REC_DIR", help="Ask a recording instead of fairseq; has its clips."
    ),
]
FairseqPythonOption = Annotated[
    Path | None,
    typer.Option(
        "--fairseq-python", metavar="PATH", help="Python of the environment in which fairseq runs."
    ),
]
UserDirOption = Annotated[
    Path | None,
    typer.Option("--user-dir", metavar="PATH", help="A fork's own models, as fairseq takes them."),
    Role.SHELF,
]
BeamOption = Annotated[
    bool,
    typer.Option(" /--no-beam", help="Leave out searches with a beam, which take longest."),
]
DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="DEVICE", help="Where models run: `cpu`, `cuda`, `cuda:1`."),
]

Command = TypeVar("Command", bound=Callable[..., None])


def _command(command: Command) -> Command:
    """Registers a command: with the options of all, and with what it may write checked first."""
    signature = introspection.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    material = [_parameter(name, *described) for name, described in MATERIAL.items()]
    taken = [*own, *(material if len(own) < len(signature.parameters) else ())]
    roles = {p.name: role for p in taken if (role := _maybe_role(p)) is not None}
    writes_files = {Role.REPORT, Role.FILE} & set(roles.values())
    common = [_parameter("debug", bool, {"help": "Show where a fault of the toolkit is."}, False)]
    if writes_files:
        common.append(
            _parameter("force", bool, {"help": "Replace files that are no report."}, False)
        )

    @wraps(command)
    def run(*, debug: bool, force: bool = False, **given: Any) -> None:  # noqa: ARG001
        check_given(given, roles, {p.name: _typed(p) for p in taken}, force=force)
        command(**given)

    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[p.replace(kind=p.KEYWORD_ONLY) for p in [*taken, *common]]
    )
    run.__annotations__ = {p.name: p.annotation for p in [*taken, *common]}
    app.command()(run)
    return command


def _maybe_role(parameter: introspection.Parameter) -> Role | None:
    return next((part for part in get_args(parameter.annotation) if isinstance(part, Role)), None)


def _typed(parameter: introspection.Parameter) -> str:
    """A parameter as it is typed: the first name of an option, the word for an argument."""
    described = get_args(parameter.annotation)[1]
    # In an annotation the first name stands where a default would.
    first = described.default
    named = isinstance(first, str) and first.startswith("-")
    return first if named else described.metavar or parameter.name


def _parameter(
    name: str, kind: type, described: dict[str, Any], default: Any
) -> introspection.Parameter:
    option = typer.Option(f"--{name.replace('_', '-')}", **described)
    annotation = Annotated[kind if default is not None else kind | None, option]  # type: ignore[valid-type]
    return introspection.Parameter(
        name, introspection.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


@_command
def inspect(
    checkpoint: CheckpointArgument,
    html: HtmlOption = None,
    json_path: JsonOption = None,
    quiet: QuietOption = False,
    **material: Any,
) -> None:
    """Say what a fairseq file is. Runs no code from it and needs no fairseq.

    Example: toolkit inspect golden_audio/checkpoint/model.pt

    Example: toolkit inspect model.pt --html inspection.html
    """
    from toolkit.pipeline import inspect as run
    from toolkit.report.inspection import print_inspection, render_inspection

    with _working(True, html, json_path):
        inspection = run(checkpoint, **_parsed(material))
    _deliver(
        values=inspection.to_dict,
        page=lambda: render_inspection(inspection),
        show=lambda console: print_inspection(inspection, console),
        html=html,
        json_path=json_path,
        quiet=quiet,
    )


@_command
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
    audio: AudioOption = None,
    recording: RecordingOption = None,
    fairseq_python: FairseqPythonOption = None,
    user_dir: UserDirOption = None,
    max_shard_bytes: Annotated[
        int,
        typer.Option("--max-shard-bytes", metavar="N", min=1, help="Weights of one file."),
    ] = 50_000_000_000,
    beam: BeamOption = True,
    device: DeviceOption = "cpu",
    html: HtmlOption = None,
    json_path: JsonOption = None,
    quiet: QuietOption = False,
    **material: Any,
) -> None:
    """Write a Hugging Face folder; prove it before it appears.

    Example: toolkit convert model.pt out/ --verify --html report.html

    Example: toolkit convert model.pt out/ --no-verify --target-lang de

    Example: toolkit convert fork.pt out/ --mapping fork-mapping.yaml
    """
    from toolkit.pipeline import convert as run

    with _working(quiet, html, json_path) as progress:
        result = run(
            checkpoint,
            out,
            verify=verify,
            audio=audio or (),
            recording=recording,
            fairseq_python=fairseq_python,
            user_dir=user_dir,
            max_shard_bytes=max_shard_bytes,
            beam=beam,
            device=device,
            **_parsed(material),
            progress=progress,
        )
    _deliver_result(result, html, json_path, quiet)


@_command
def verify(
    checkpoint: CheckpointArgument,
    hf_dir: FolderArgument,
    audio: AudioOption = None,
    recording: RecordingOption = None,
    fairseq_python: FairseqPythonOption = None,
    user_dir: UserDirOption = None,
    beam: BeamOption = True,
    device: DeviceOption = "cpu",
    html: HtmlOption = None,
    json_path: JsonOption = None,
    quiet: QuietOption = False,
    **material: Any,
) -> None:
    """Prove that a folder does what a checkpoint does, whoever made the folder.

    Example: toolkit verify model.pt out/ --json result.json

    Example: toolkit verify model.pt out/ --audio clips/ --html report.html

    Example: toolkit verify model.pt out/ --fairseq-python ~/fairseq-env/bin/python
    """
    from toolkit.pipeline import verify as run

    with _working(quiet, html, json_path) as progress:
        result = run(
            checkpoint,
            hf_dir,
            audio=audio or (),
            recording=recording,
            fairseq_python=fairseq_python,
            user_dir=user_dir,
            beam=beam,
            device=device,
            **_parsed(material),
            progress=progress,
        )
    _deliver_result(result, html, json_path, quiet)


@_command
def record(
    checkpoint: CheckpointArgument,
    rec_dir: Annotated[
        Path,
        typer.Argument(metavar="REC_DIR", help="Folder to write; must not exist yet."),
        Role.FOLDER,
    ],
    audio: AudioOption = None,
    fairseq_python: FairseqPythonOption = None,
    user_dir: UserDirOption = None,
    json_path: JsonOption = None,
    quiet: QuietOption = False,
    **material: Any,
) -> None:
    """Run fairseq once and store its answers, so that nothing else needs fairseq.

    Example: toolkit record model.pt recording/

    Example: toolkit record model.pt recording/ --audio clips/
    """
    from toolkit.console.speaking import say
    from toolkit.pipeline.recording import record as run

    with _working(quiet, json_path) as progress:
        recording = run(
            checkpoint,
            rec_dir,
            audio=audio or (),
            fairseq_python=fairseq_python,
            user_dir=user_dir,
            **_parsed(material),
            progress=progress if quiet else _saying_size(progress),
        )
    size = f"{recording.num_bytes / 1e6:.1f} MB"
    _deliver(
        values=recording.to_dict,
        show=lambda _: say(f"recorded: {rec_dir} ({size})", err=json_path == STDOUT),
        json_path=json_path,
        quiet=quiet,
    )


def _saying_size(progress: Progress | None) -> Progress:
    """The same progress, which also prints how large the recording will be."""
    from toolkit.console.speaking import say
    from toolkit.oracle.recorder import SIZE

    def report(what: str, done: int, total: int, unit: str = "steps") -> None:
        if SIZE in what:
            say(what)
        if progress is not None:
            progress(what, done, total, unit)

    return report


@_command
def recorder(
    destination: Annotated[
        Path,
        typer.Option("--write", metavar="FILE", help="File to write, a new one; `-`: stdout."),
        Role.FILE,
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Argument(metavar="[CHECKPOINT]", help="fairseq checkpoint; the golden one."),
    ] = None,
    audio: AudioOption = None,
    quiet: QuietOption = False,
    **material: Any,
) -> None:
    """Write a file that records a checkpoint where fairseq lives, without the toolkit.

    It needs Python 3.8 or newer, torch, numpy and fairseq: python3.8 recorder.pyz model.pt rec/

    Example: toolkit recorder model.pt --write recorder.pyz

    Example: toolkit recorder model.pt --write recorder.pyz --audio clips/
    """
    from tempfile import TemporaryDirectory

    from toolkit.console.speaking import printing, say
    from toolkit.pipeline.elsewhere import make_recorder
    from toolkit.report.files import write_bytes

    with TemporaryDirectory(prefix="toolkit-recorder-") as folder:
        with _working(True, destination):
            made = make_recorder(
                Path(folder) / "recorder.pyz", checkpoint, audio=audio or (), **_parsed(material)
            )
        content = made.read_bytes()
    with printing():
        write_bytes(destination, content)
    if not quiet:
        size = f"{len(content) / 1e6:.1f} MB"
        say(f"written: {destination} ({size})", err=destination == STDOUT)


@_command
def diff(
    checkpoint: CheckpointArgument,
    hf_dir: FolderArgument,
    audio: AudioOption = None,
    recording: RecordingOption = None,
    fairseq_python: FairseqPythonOption = None,
    user_dir: UserDirOption = None,
    reproduction: Annotated[
        Path | None,
        typer.Option(
            "--reproduction",
            metavar="DIR",
            help="Write a runnable minimal case of every module that errs without explanation.",
        ),
        Role.FOLDER,
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            "--fix",
            metavar="DIR",
            help="Write the folder with every finding undone, proven before it appears.",
        ),
        Role.FOLDER,
    ] = None,
    device: DeviceOption = "cpu",
    html: HtmlOption = None,
    json_path: JsonOption = None,
    quiet: QuietOption = False,
    **material: Any,
) -> None:
    """Find and explain what is wrong with a folder: module, tensor or key, rule, fix.

    Example: toolkit diff model.pt out/ --html report.html

    Example: toolkit diff model.pt out/ --recording recording/

    Example: toolkit diff model.pt out/ --reproduction cases/

    Example: toolkit diff model.pt out/ --fix mended/
    """
    from toolkit.pipeline import diff as run

    with _working(quiet, html, json_path) as progress:
        result = run(
            checkpoint,
            hf_dir,
            audio=audio or (),
            **_parsed(material),
            recording=recording,
            fairseq_python=fairseq_python,
            user_dir=user_dir,
            reproduction=reproduction,
            fix=fix,
            device=device,
            progress=progress,
        )
    _deliver_result(result, html, json_path, quiet)


@_command
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

    Example: toolkit faults --only swapped --workers 4
    """
    from toolkit.pipeline.faulting import faults as run
    from toolkit.report.faults import print_faults, render_faults

    with _working(quiet, html, json_path) as progress:
        result = run(checkpoint, workers=workers, keep=lambda name: only in name, progress=progress)
    _deliver(
        values=result.to_dict,
        page=lambda: render_faults(result),
        show=lambda console: print_faults(result, console),
        html=html,
        json_path=json_path,
        quiet=quiet,
    )
    raise typer.Exit(Exit.MATCH if result.perfect else Exit.MISMATCH)


@_command
def report(
    first: Annotated[
        Path, typer.Argument(metavar="A.json", help="A run's --json, before a correction, say.")
    ],
    second: Annotated[Path, typer.Argument(metavar="B.json", help="Another run's, after it.")],
    html: HtmlOption = None,
    json_path: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show what changed between two runs.

    Exits with 1 where the second run found a mismatch.

    Example: toolkit report before.json after.json --html changes.html
    """
    from toolkit.report.compare_runs import compare_runs, print_comparison, render_comparison

    comparison = compare_runs(first, second)
    _deliver(
        values=comparison.to_dict,
        page=lambda: render_comparison(comparison),
        show=lambda console: print_comparison(comparison, console),
        html=html,
        json_path=json_path,
        quiet=quiet,
    )
    raise typer.Exit(Exit.MATCH if comparison.matches else Exit.MISMATCH)


def main() -> None:
    """The console script."""
    app()


@app.callback(invoke_without_command=True)
def _toolkit(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show versions and exit.")] = False,
) -> None:
    if version:
        from toolkit.console.speaking import say
        from toolkit.pipeline.basics import environment

        say("\n".join(f"{name} {value}" for name, value in environment().items()))
        raise typer.Exit(Exit.MATCH)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(Exit.BAD_INPUT)


def _deliver_result(
    result: Result, html: Path | None, json_path: Path | None, quiet: bool
) -> NoReturn:
    from toolkit import report

    _deliver(
        values=result.to_dict,
        page=lambda: report.render_html(result),
        show=lambda console: report.print_result(result, console, html),
        html=html,
        json_path=json_path,
        quiet=quiet,
    )
    raise typer.Exit(Exit.MISMATCH if result.verdict == "mismatch" else Exit.MATCH)


def _deliver(
    *,
    values: Callable[[], Mapping[str, Any]],
    page: Callable[[], str] | None = None,
    show: Callable[[Console], None],
    html: Path | None = None,
    json_path: Path | None,
    quiet: bool,
) -> None:
    """Writes all that was asked for or nothing, then speaks; to stderr where stdout is taken."""
    from toolkit.console.speaking import make_console, printing
    from toolkit.report.files import write_files
    from toolkit.report.json_report import render_json

    files = [] if json_path is None else [(json_path, render_json(values()))]
    if html is not None and page is not None:
        files.append((html, page().encode("utf-8", errors="xmlcharrefreplace")))
    with printing():
        write_files(files)
    if not quiet:
        with printing():
            show(make_console(err=STDOUT in (html, json_path)))


@contextmanager
def _working(quiet: bool, *written: Path | None) -> Iterator[Any]:
    """Progress; where a report goes to standard output, nothing else does."""
    elsewhere = redirect_stdout(sys.stderr) if STDOUT in written else nullcontext()
    with elsewhere, _progress(quiet) as progress:
        yield progress


@contextmanager
def _progress(quiet: bool) -> Iterator[Any]:
    """A progress bar on a terminal, nothing in a pipe."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    from toolkit.report.progress_bar import progress_bar

    with progress_bar(Console(stderr=True)) as show:
        yield show


def _parsed(material: dict[str, Any]) -> dict[str, Any]:
    """The shared options as the Python functions take them."""
    values = {
        name: _read_json_option(f"--{name.replace('_', '-')}", material[name])
        for name in ("encoder_config", "decoder_config")
    }
    return {**material, **values}


def _read_json_option(option: str, text: str | None) -> dict[str, Any] | None:
    """The object in `--encoder-config` and its kin: JSON itself, or the path of a file of it."""
    from toolkit.core.errors import BadInput
    from toolkit.folder.plain_json import parse_json, read_json

    if text is None:
        return None
    try:
        inline = text.lstrip().startswith("{")
        values = parse_json(text.encode()) if inline else read_json(Path(text))
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise BadInput(
            f"`{option}` must be a JSON object or a file of one, but {said}. "
            "Write it as '{\"key\": value}'."
        ) from error
    if not isinstance(values, dict):
        raise BadInput(
            f"`{option}` must be a JSON object, but is {type(values).__name__}. "
            "Write it as '{\"key\": value}'."
        )
    return values
