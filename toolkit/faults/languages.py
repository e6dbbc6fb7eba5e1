"""Faults of a folder with weights and letters for each language: what belongs to another one."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

from toolkit.checkpoint.sets import name_in
from toolkit.core.slips import TOKENIZER_CONFIG
from toolkit.faults.configs import write_json
from toolkit.faults.facts import Facts, owners, read_json
from toolkit.faults.fault import Break, Fault, Truth
from toolkit.faults.rows import row_fault
from toolkit.faults.vocabularies import LANGUAGE, VOCAB
from toolkit.folder.languages import file_of

MAX_PAIRS = 3
"""Pairs of languages that are taken for each other."""


def language_faults(facts: Facts) -> Iterator[Fault]:
    """Weights and letters that belong to another language; none of a folder of one."""
    names = list(facts.languages)
    if len(names) < 2:
        return
    for one, other in list(pairwise(names))[:MAX_PAIRS]:
        yield from _pair_faults(facts, one, other)
    first = str(facts.files[TOKENIZER_CONFIG][LANGUAGE])
    others = [name for name in names if name != first]
    spread = partial(_copy, source=file_of(first), targets=tuple(map(file_of, others)))
    yield _fault(facts, f"one_language_everywhere:{first}", others, spread)
    remove = partial(_remove, file=file_of(names[-1]))
    yield _fault(facts, f"language_missing:{names[-1]}", names[-1:], remove, "not_filled")
    named = partial(_name_language, language=others[0])
    where = f"{LANGUAGE}={others[0]}"
    yield row_fault("language_changed", where, named, TOKENIZER_CONFIG, key=LANGUAGE)


def _pair_faults(facts: Facts, one: str, other: str) -> Iterator[Fault]:
    where = f"{one}-{other}"
    swap = partial(_exchange, one=file_of(one), other=file_of(other))
    yield _fault(facts, f"languages_exchanged:{where}", (one, other), swap)
    head = tuple(f"{output.module}." for output in facts.breakable.outputs)
    take = partial(_take, own=file_of(one), other=file_of(other), prefixes=head)
    name = f"output_of_another_language:{where}"
    yield _fault(facts, name, (one,), take, prefixes=head)
    sections = partial(_exchange_sections, one=one, other=other)
    yield row_fault("sections_exchanged", f"{VOCAB}-{where}", sections, VOCAB)
    rows = partial(_exchange_rows, language=one)
    yield row_fault("section_rows_swapped", f"{VOCAB}-{one}", rows, VOCAB)


def _fault(
    facts: Facts,
    name: str,
    languages: Iterable[str],
    break_folder: Break,
    hypothesis: str = "swapped_with",
    prefixes: tuple[str, ...] = ("",),
) -> Fault:
    """A fault in the files of some languages, of the tensors that begin like this."""
    spoken = tuple(languages)
    names = frozenset(
        name_in(language, tensor)
        for language in spoken
        for tensor in facts.languages[language]
        if tensor.startswith(prefixes)
    )
    return Fault(
        name=name,
        kind=name.partition(":")[0],
        part="languages",
        truth=Truth(
            modules=owners(names),
            parameters=names,
            hypotheses=frozenset({hypothesis}),
            files=frozenset(map(file_of, spoken)),
        ),
        break_folder=break_folder,
    )


def _exchange(folder: Path, *, one: str, other: str) -> None:
    aside = folder / f"{one}.aside"
    (folder / one).rename(aside)
    (folder / other).rename(folder / one)
    aside.rename(folder / other)


def _copy(folder: Path, *, source: str, targets: Iterable[str]) -> None:
    for target in targets:
        shutil.copyfile(folder / source, folder / target)


def _remove(folder: Path, *, file: str) -> None:
    (folder / file).unlink()


def _take(folder: Path, *, own: str, other: str, prefixes: tuple[str, ...]) -> None:
    from safetensors.torch import load_file, save_file

    theirs = {n: t for n, t in load_file(folder / other).items() if n.startswith(prefixes)}
    save_file({**load_file(folder / own), **theirs}, folder / own, metadata={"format": "pt"})


def _exchange_sections(folder: Path, *, one: str, other: str) -> None:
    values = read_json(folder / VOCAB)
    write_json(folder / VOCAB, {**values, one: values[other], other: values[one]})


def _exchange_rows(folder: Path, *, language: str) -> None:
    values = read_json(folder / VOCAB)
    section = dict(values[language])
    *_, left, right = sorted(section, key=lambda token: int(section[token]))
    section[left], section[right] = section[right], section[left]
    write_json(folder / VOCAB, {**values, language: section})


def _name_language(folder: Path, *, language: str) -> None:
    values = read_json(folder / TOKENIZER_CONFIG)
    write_json(folder / TOKENIZER_CONFIG, {**values, LANGUAGE: language})
