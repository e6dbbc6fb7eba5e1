"""The languages of a model of texts: how each is written in its dictionary, in which order.

Source: `fairseq/data/multilingual/multilingual_data_manager.py`, `multilingual_utils.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from toolkit.checkpoint.plain_files import read_small
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.families.base import Options

PRETRAINED_BART = "translation_from_pretrained_bart"
MANY_PAIRS = "translation_multi_simple_epoch"
"""Tasks of fairseq that know languages."""
STYLES = {"mbart": "[{}]", "multilingual": "__{}__"}
"""How a language is written in a dictionary, by `lang_tok_style`."""
MASK = "<mask>"

_MAX_LANGUAGES_BYTES = 1 << 16


def style_of(said: JsonDict, task: str) -> str:
    """How the task writes a language, `{}` standing for its code.

    Raises:
        BadInput: the style that is named is none of fairseq's.
    """
    named = said.get("lang_tok_style") or "multilingual"
    style = STYLES.get("mbart" if task == PRETRAINED_BART else str(named))
    if style is None:
        raise BadInput(
            f"`lang_tok_style` must be one of {', '.join(STYLES)}, but is {named!r:.40}. Use the "
            "checkpoint with fairseq."
        )
    return style


def languages_of(said: JsonDict, folder: Path, symbols: Sequence[str]) -> list[str]:
    """All languages in the order of their rows; without a list, those of the pairs, sorted.

    Raises:
        BadInput: they are listed in a file that is not at hand, and the dictionary has not all.
    """
    named, listed = said.get("langs"), said.get("lang_dict")
    if isinstance(named, str) and named:
        return named.split(",")
    if isinstance(named, (list, tuple)):
        return [str(code) for code in named]
    paired = sorted(set(paired_codes(said)))
    if not listed:
        return paired
    path = folder / Path(str(listed)).name
    if path.is_file():
        lines = read_small(path, max_bytes=_MAX_LANGUAGES_BYTES).decode("utf-8", "replace")
        return [line.strip() for line in lines.splitlines() if line.strip()]
    style = style_of(said, MANY_PAIRS)
    if {style.format(code) for code in paired} <= set(symbols):
        return paired
    raise BadInput(
        f"`{path.name}`, the list of languages (`lang_dict`), must stand beside the checkpoint in "
        f"`{folder}`, as their rows follow its order, but does not. Put it there."
    )


def paired_codes(said: JsonDict) -> Iterator[str]:
    """The codes of all pairs, sources and targets in turn."""
    pairs = said.get("lang_pairs")
    for pair in pairs.split(",") if isinstance(pairs, str) else pairs or ():
        yield from str(pair).split("-")


def choose_pair(said: JsonDict, options: Options, tags: Mapping[str, int]) -> tuple[str, str]:
    """The languages that are read and written: as the user names them, else the checkpoint.

    Raises:
        BadInput: nobody names one of the two, or it is none of the checkpoint's.
    """
    pairs = said.get("lang_pairs")
    split = pairs.split(",") if isinstance(pairs, str) else list(pairs or ())
    sources, targets = (
        {str(pair).split("-")[side] for pair in split if "-" in str(pair)} for side in (0, 1)
    )
    forced = [code for code, index in tags.items() if index in options.folder_tags]
    return (
        _one("--source-lang", (options.source_lang, said.get("source_lang")), sources, tags),
        _one(
            "--target-lang", (options.target_lang, said.get("target_lang"), *forced), targets, tags
        ),
    )


def _one(option: str, named: tuple[object, ...], paired: set[str], tags: Mapping[str, int]) -> str:
    only = paired.pop() if len(paired) == 1 else None
    found = next((str(code) for code in (*named, only) if code), None)
    if found is None or found not in tags:
        because = "the checkpoint names none" if found is None else f"`{found}` is none"
        raise BadInput(
            f"`{option}` must name one of the checkpoint's languages ({', '.join(tags) or 'none'}), "
            f"as its texts are framed by them, but {because}. Name one."
        )
    return found
