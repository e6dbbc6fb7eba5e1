"""What frames a text that a model reads or writes: languages, starts and ends, by fairseq's task.

Source: `fairseq/tasks/translation_from_pretrained_bart.py`, `translation_multi_simple_epoch.py`,
`translation.py`; `fairseq/data/multilingual/multilingual_utils.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from toolkit.blocks.arguments import Arguments
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import EOS, Dictionary, read_dictionary
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.families.base import Options
from toolkit.families.sidecars import Named, Sidecars, dictionary_names, find_named_dictionary
from toolkit.families.speech_to_text import generation_config
from toolkit.families.text_languages import (
    MANY_PAIRS,
    MASK,
    PRETRAINED_BART,
    STYLES,
    choose_pair,
    languages_of,
    paired_codes,
    style_of,
)
from toolkit.oracle.search import Search

TRANSLATION = "translation"
TASKS = (PRETRAINED_BART, MANY_PAIRS, TRANSLATION)
_PIECES = (None, "", "sentencepiece")


@dataclass(frozen=True, kw_only=True)
class Frame:
    """How texts begin and end."""

    task: str
    source: str | None
    """The language that is read; None where a model knows no languages."""
    target: str | None
    start: int
    """What every hypothesis starts from."""
    end: int
    """What ends it."""
    before: str | None = None
    """The symbol before a text that is read."""
    behind: str | None = None
    """The symbol behind its end."""
    default: str | None = None
    """The language whose tag is forced to come first; None where none is."""
    tags: Mapping[str, int] = field(default_factory=dict)
    """Ids of languages, by their codes."""
    assumptions: tuple[Reason, ...] = ()


def find_files(checkpoint: Checkpoint, named: Named, arguments: Arguments) -> Sidecars:
    """The dictionary, with what fairseq's task adds to it, and the sentencepiece model.

    Raises:
        BadInput: one of them cannot be found or read, or texts are prepared in another way.
    """
    if named.config_yaml is not None:
        raise BadInput(
            f"`--config-yaml {named.config_yaml}` must name a file that the checkpoint's task "
            "reads, but a model of texts has none. Leave the option out."
        )
    _refuse_preparation(arguments)
    _refuse_frames(_said(arguments))
    folder, said = checkpoint.path.parent, _said(arguments)
    kinds = (said.get("source_lang"), said.get("target_lang"), *paired_codes(said))
    path = named.dictionary or find_named_dictionary(folder, kinds)
    if path is None:
        raise BadInput(
            f"The dictionary must stand beside the checkpoint in `{folder}`, but does not (looked "
            f"for: {', '.join(f'`{n}`' for n in dictionary_names(kinds))}). Name it with `--dict`."
        )
    read = read_dictionary(path)
    symbols = dict.fromkeys((*read.symbols, *_added(arguments, folder, read.symbols)))
    repeats = len(set(read.symbols)) < len(read.symbols)
    dictionary = read if repeats else Dictionary(symbols=tuple(symbols))
    return Sidecars(
        dict_path=path, dictionary=dictionary, spm_path=named.pieces or _maybe_pieces(folder, read)
    )


def frame_of(arguments: Arguments, sidecars: Sidecars, folder: Path, options: Options) -> Frame:
    """How the task frames texts.

    Args:
        arguments: The checkpoint's.
        sidecars: Its dictionary.
        folder: Where it lies.
        options: What the user chose.

    Raises:
        BadInput: it frames them in a way that no folder can, or a language is not known.
    """
    assumed = tuple(_assumed(arguments))
    return replace(_frame_of(arguments, sidecars, folder, options), assumptions=assumed)


def _frame_of(arguments: Arguments, sidecars: Sidecars, folder: Path, options: Options) -> Frame:
    task, said = task_of(arguments), _said(arguments)
    if task == TRANSLATION:
        _refuse_languages(options)
        return Frame(task=task, source=None, target=None, start=EOS, end=EOS)
    codes = languages_of(said, folder, sidecars.dictionary.symbols)
    tags = {code: sidecars.dictionary.index(style_of(said, task).format(code)) for code in codes}
    source, target = choose_pair(said, options, tags)
    if task == PRETRAINED_BART:
        return _ended_by_language(source, target, tags)
    return _led_by_language(said, source, target, tags)


def generation_of(positions: int, search: Search, frame: Frame) -> JsonDict:
    """What `generation_config.json` must hold for the same search.

    Args:
        positions: The longest target, in tokens.
        search: The checkpoint's own settings.
        frame: How texts begin and end.
    """
    return {
        **generation_config(positions, search, frame.tags, frame.default),
        "decoder_start_token_id": frame.start,
        "eos_token_id": frame.end,
        "forced_eos_token_id": frame.end,
    }


def reference_task(arguments: Arguments, frame: Frame) -> JsonDict:
    """Arguments of fairseq's task that a folder depends on, and of none of this machine."""
    said = _said(arguments)
    kept = ("encoder_langtok", "decoder_langtok", "lang_tok_style")
    return {
        "task_name": frame.task,
        "source_lang": frame.source,
        "target_lang": frame.target,
        "langs": list(frame.tags),
        **{f"said_{key}": said.get(key) for key in kept},
    }


def task_of(arguments: Arguments) -> str:
    """What fairseq calls the task.

    Raises:
        BadInput: it is none that is known here.
    """
    named = _named_task(arguments) or _likely_task(_said(arguments))
    if named not in TASKS:
        raise BadInput(
            f"`task` must be one of {', '.join(TASKS)}, but is {named!r:.60}: how it frames texts "
            "is not known here. Use the checkpoint with fairseq."
        )
    return str(named)


def _named_task(arguments: Arguments) -> object:
    """What the checkpoint calls the task; None where it does not say."""
    said = arguments.task
    return said.get("_name") if said.get("_name") in TASKS else said.get("task")


def _likely_task(said: JsonDict) -> str:
    """The task that takes such languages."""
    if said.get("lang_pairs"):
        return MANY_PAIRS
    return PRETRAINED_BART if said.get("langs") else TRANSLATION


def _assumed(arguments: Arguments) -> Iterator[Reason]:
    if not _named_task(arguments):
        task = task_of(arguments)
        knows = {MANY_PAIRS: "pairs of languages", PRETRAINED_BART: "languages"}.get(
            task, "neither"
        )
        yield Reason(
            name="task",
            because=f"the checkpoint does not name it; taken for `{task}`, as it lists {knows} "
            "(`lang_pairs`, `langs`), and texts are framed by it",
        )


def _ended_by_language(source: str, target: str, tags: Mapping[str, int]) -> Frame:
    """As mBART-25: a text and its end, then its language, which a hypothesis starts from too."""
    return Frame(
        task=PRETRAINED_BART,
        source=source,
        target=target,
        start=tags[target],
        end=tags[target],
        behind=STYLES["mbart"].format(source),
        tags=tags,
    )


def _led_by_language(said: JsonDict, source: str, target: str, tags: Mapping[str, int]) -> Frame:
    """As mBART-50 and M2M-100: the language first, forced where it is written."""
    if said.get("lang_tok_replacing_bos_eos"):
        raise BadInput(
            "`lang_tok_replacing_bos_eos` must not be set, but is: languages then stand in the "
            "place of ends, which this version does not convert. Use the checkpoint with fairseq."
        )
    first, then = _leading(said)
    read = {"src": source, "tgt": target}.get(str(first))
    writes = then is not None
    return Frame(
        task=MANY_PAIRS,
        source=source,
        target=target,
        start=EOS,
        end=EOS,
        before=None if read is None else style_of(said, MANY_PAIRS).format(read),
        default=target if writes else None,
        tags=tags,
    )


def _leading(said: JsonDict) -> tuple[object, object]:
    """Whose language leads a text that is read, and one that is written."""
    usual = (said.get("encoder_langtok") or None, "tgt" if said.get("decoder_langtok") else None)
    langtoks = said.get("langtoks") or {}
    main = langtoks.get("main", usual) if isinstance(langtoks, Mapping) else langtoks
    if not isinstance(main, (list, tuple)) or tuple(main) != usual:
        raise BadInput(
            "`langtoks` must say of `main` what `encoder_langtok` and `decoder_langtok` say, "
            f"{usual}, but says {main!r:.60}: which of both holds is not known here. Use the "
            "checkpoint with fairseq."
        )
    return usual


def _said(arguments: Arguments) -> JsonDict:
    return {**arguments.model, **arguments.task}


def _added(arguments: Arguments, folder: Path, symbols: Sequence[str]) -> Iterator[str]:
    """What the task adds to the dictionary of its file, in order."""
    said, task = _said(arguments), task_of(arguments)
    if task == TRANSLATION:
        return
    style = style_of(said, task)
    yield from (style.format(code) for code in languages_of(said, folder, symbols))
    if style == STYLES["mbart"]:
        yield MASK


def _refuse_languages(options: Options) -> None:
    for option, code in (
        ("--source-lang", options.source_lang),
        ("--target-lang", options.target_lang),
    ):
        if code is not None:
            raise BadInput(
                f"`{option} {code}` must choose among several languages, but the checkpoint's task "
                "knows none. Leave the option out."
            )


def _refuse_preparation(arguments: Arguments) -> None:
    """Refuses what fairseq does to a text and no folder here can."""
    said = _said(arguments)
    for key, known in (("bpe", _PIECES), ("tokenizer", (None, "", "space"))):
        kind = said.get(key)
        name = kind.get("_name") if isinstance(kind, Mapping) else kind
        if name not in known:
            raise BadInput(
                f"`{key}` must be {'sentencepiece' if key == 'bpe' else 'none'}, but is "
                f"{str(name)!r:.40}: fairseq prepares texts with it, and no tokenizer here is known "
                "to do the same. Use the checkpoint with fairseq."
            )


def _refuse_frames(said: JsonDict) -> None:
    """Refuses what fairseq puts around texts and no folder here does."""
    specs = said.get("langtoks_specs") or ["main"]
    kinds = specs.split(",") if isinstance(specs, str) else [str(spec) for spec in specs]
    for key, wrong in (
        ("prepend_bos", bool(said.get("prepend_bos"))),
        ("langtoks_specs", kinds != ["main"]),
        ("extra_data", "mono_dae" in (said.get("extra_data") or ())),
    ):
        if wrong:
            raise BadInput(
                f"`{key}` must not be set, but is {said[key]!r:.60}: fairseq then puts symbols "
                "around texts or into the dictionary that this version does not convert. Use the "
                "checkpoint with fairseq."
            )


def _maybe_pieces(folder: Path, dictionary: Dictionary) -> Path | None:
    """The sentencepiece model; none stands beside a dictionary of words."""
    found = sorted(folder.glob("*.model"))
    if len(found) == 1:
        return found[0]
    if not found and not any("\u2581" in symbol for symbol in dictionary.symbols):
        return None
    raise BadInput(
        f"The sentencepiece model must stand beside the checkpoint in `{folder}`, but {len(found)} "
        "files `*.model` do. Name it with `--spm`."
    )
