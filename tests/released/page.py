"""docs/old-scripts.md: what the scripts that transformers had make of checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.released.earlier_cases import EARLIER, OTHERWISE
from tests.released.encoder_cases import EXPECTED, NOT_RUN
from tests.released.encoder_scripts import SCRIPTS
from tests.released.expected import Expected
from tests.released.sequence_cases import OF_ALL, OF_SEQUENCES
from tests.released.sequence_cases import Expected as OfSequence
from tests.released.sequence_scripts import SCRIPTS as SEQUENCE_SCRIPTS

PAGE = Path(__file__).parents[2] / "docs" / "old-scripts.md"
INTRODUCTION = """# Folders of the old scripts

Releases of transformers such as 4.30 and 4.46 came with scripts that convert fairseq's models;
today's have none. Many folders on the Hub are theirs. They succeed while they are wrong: what
they find no place for is only logged, the configuration is one that the user lends them, and the
sound is always standardized. This page says of each script which checkpoints it converts right,
and what is wrong with the others. `toolkit diff model.pt FOLDER` names exactly these causes, and
`toolkit diff model.pt FOLDER --fix DIR` writes the folder without them.

Every row is a test: fairseq builds the checkpoint, the script of the 4.46.3 wheel converts it (one
of 4.24.0 what it converts otherwise),
the causes are mended by hand one after the other, and diff must name each of them first and
nothing else. *Lent* is the configuration that the script was given: that of a base or of a large
model on the Hub with the checkpoint's sizes, and what was changed in it. *Lent* values are wrong
where the checkpoint says otherwise. A `preprocessor_config.json` that is missing must hold the
task's `do_normalize`, and `return_attention_mask` as `true`. Folders of 4.30 with a tokenizer have
one fault more than the rows say: `clean_up_tokenization_spaces` of `tokenizer_config.json` is
true, and must be false. Pretrained HuBERTs lose their `final_proj` in a stock class; that is a
declared deviation, and `toolkit convert` keeps it. This page is generated:
`python -m tests.released`.

The scripts for UniSpeech, UniSpeech-SAT and WavLM load models with code of forks that no package
has. Here it is stood in for: a checkpoint has the tensors of its fork, and its loader hands them
out, which is all that these scripts ask of it. What heads of pretraining they save is not judged:
`toolkit convert` makes encoders of these models. fairseq builds no WavLM, so `toolkit diff` refuses
one without its fork (`--user-dir`); its rows are held by what diff compares of files.

The script for a decoder that writes letters (speech-encoder-decoder) makes folders that today's
transformers does not load, as the classes of decoder and tokenizer are gone. Its checkpoints are
loaded with the widths that fairseq 0.10 gave their decoders.
"""
SEQUENCES_TOLD = """## Models that write texts

These scripts write a model and nothing around it. Of every folder that they write `toolkit diff`
says that there is no tokenizer, no `preprocessor_config.json` where speech is heard, that settings
of a search are not the checkpoint's, and tokens that it starts, ends or must begin with others or
none; `toolkit diff --fix` writes what is right. The tables say what is wrong beside, which comes
first among the findings. Rows are tests as those above are: each cause is a finding, and nothing
else is one. The tables of positions that the script for speech saves are computed by today's
transformers, which is a note.
"""
HEAD = ("| checkpoint | lent | the folder | what to do |", "|---|---|---|---|")
EARLIER_TOLD = """This script knows neither adapters, which it leaves out without an error, nor
`--is_seq_class`.
"""
NOT_RUN_HEAD = ("| script | why |", "|---|---|")


def write_page() -> str:
    """The text of the page."""
    sections = (section(script) for script in SCRIPTS)
    earlier = "\n".join((f"## wav2vec2 of {EARLIER}\n", EARLIER_TOLD, *HEAD, *map(row, OTHERWISE)))
    rest = "\n".join(("## Scripts that are not here\n", *NOT_RUN_HEAD, *map(_not_run, NOT_RUN)))
    texts = (SEQUENCES_TOLD.rstrip(), *map(section_of_texts, SEQUENCE_SCRIPTS))
    return "\n\n".join((INTRODUCTION.rstrip(), *sections, earlier, *texts, rest)) + "\n"


def section(script: str) -> str:
    """The rows of a script."""
    rows = [row(expected) for expected in EXPECTED if expected.case.script == script]
    name = Path(SCRIPTS[script]).name
    return "\n".join((f"## {script}\n", f"`{name}`\n", *HEAD, *rows))


def section_of_texts(script: str) -> str:
    """The rows of a script for models that write texts."""
    rows = [row_of_texts(e) for e in OF_SEQUENCES if e.case.script == script]
    name = Path(SEQUENCE_SCRIPTS[script]).name
    head = "| checkpoint | given | wrong beside | what to do |"
    return "\n".join((f"### {script}\n", f"`{name}`\n", head, HEAD[1], *rows))


def row_of_texts(expected: OfSequence) -> str:
    """One line of a table; causes that are told in the same words are told once."""
    case = expected.case
    causes = [cause for cause in expected.causes if cause.told not in OF_ALL]
    told = _sentence(list(dict.fromkeys(cause.told for cause in causes))) or "nothing else"
    todo = _sentence(list(dict.fromkeys(cause.todo for cause in causes)))
    if expected.gives_up:
        told, todo = f"no folder: `{expected.gives_up}`", "`toolkit convert`"
    return f"| {case.variant.name} | {case.borrowed} | {told} | {todo} |"


def row(expected: Expected) -> str:
    """One line of a table."""
    case = expected.case
    told = ", ".join((case.checkpoint, *_beside(expected)))
    return f"| {told} | {case.borrowed} | {_folder(expected)} | {_todo(expected)} |"


def _beside(expected: Expected) -> Iterator[str]:
    if not expected.case.old_torch:
        yield "torch with parametrizations"
    if expected.case.where != "checkpoint":
        yield f"`{expected.case.where}` in its path"


def _folder(expected: Expected) -> str:
    if expected.gives_up:
        return f"none: `{expected.gives_up}`"
    return _sentence([cause.told for cause in expected.causes]) or "right"


def _todo(expected: Expected) -> str:
    if expected.gives_up:
        return "`toolkit convert`"
    return _sentence(list(dict.fromkeys(cause.todo for cause in expected.causes)))


def _sentence(parts: Sequence[str]) -> str:
    return "; ".join(parts)


def _not_run(known: tuple[str, str]) -> str:
    return f"| `{known[0]}` | {known[1]} |"
