"""What converts, as README.md shows it: `python -m tests.variants.readme` writes its tables."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests.variants.adapter_kinds import ADAPTER_VARIANTS
from tests.variants.bare_kinds import (
    BARE_HUBERT_VARIANTS,
    BARE_VARIANTS,
    DATA2VEC_PRETRAINING_VARIANTS,
    UNISPEECH_VARIANTS,
    WAVLM_VARIANTS,
)
from tests.variants.class_kinds import CLASS_VARIANTS
from tests.variants.ctc_kinds import CTC_VARIANTS
from tests.variants.data2vec_kinds import DATA2VEC_VARIANTS
from tests.variants.hubert_kinds import HUBERT_VARIANTS
from tests.variants.hubert_pretraining_kinds import HUBERT_PRETRAINING_VARIANTS
from tests.variants.kinds import VARIANTS
from tests.variants.mel_kinds import MEL_VARIANTS
from tests.variants.pretraining_kinds import PRETRAINING_VARIANTS
from tests.variants.s2t_kinds import CONFORMER_VARIANTS, S2T_VARIANTS
from tests.variants.s2ut_kinds import S2UT_VARIANTS
from tests.variants.seq2seq_kinds import SEQ2SEQ_VARIANTS
from tests.variants.text_kinds import TEXT_VARIANTS
from tests.variants.vocoder_kinds import VOCODER_VARIANTS

README = Path(__file__).parents[2] / "README.md"


class Variant(Protocol):
    """A kind of checkpoint that fairseq builds."""

    @property
    def name(self) -> str:
        """What is special about it."""
        ...

    @property
    def ends(self) -> str:
        """How its conversion ends: `stock exact`, `refused: KEY`."""
        ...


TABLES: Mapping[str, Sequence[Variant]] = {
    "xm_transformer": VARIANTS,
    "s2t_transformer": S2T_VARIANTS,
    "s2t_conformer": CONFORMER_VARIANTS,
    "s2ut_transformer": S2UT_VARIANTS,
    "mbart, bart, m2m_100": TEXT_VARIANTS,
    "code_hifigan": VOCODER_VARIANTS,
    "hifigan": MEL_VARIANTS,
    "wav2vec2_seq2seq": SEQ2SEQ_VARIANTS,
    "wav2vec2_ctc": CTC_VARIANTS,
    "wav2vec2_ctc, several languages": ADAPTER_VARIANTS,
    "wav2vec2_ctc, data2vec": DATA2VEC_VARIANTS,
    "hubert_ctc": HUBERT_VARIANTS,
    "wav2vec2_classification": CLASS_VARIANTS,
    "wav2vec2_pretraining": PRETRAINING_VARIANTS,
    "hubert_pretraining": HUBERT_PRETRAINING_VARIANTS,
    "wav2vec2_encoder": BARE_VARIANTS,
    "hubert_encoder": BARE_HUBERT_VARIANTS,
    "data2vec_pretraining": DATA2VEC_PRETRAINING_VARIANTS,
    "unispeech, unispeech_sat": UNISPEECH_VARIANTS,
    "wavlm": WAVLM_VARIANTS,
}
"""Every kind of checkpoint that tests convert, by the table of README.md that lists it."""

ALL = "all"
"""The table of how many there are of each family."""
_BLOCK = re.compile(r"(<!-- kinds: (?P<name>[^>]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def write_tables(text: str) -> str:
    """The text with every table as the variants say.

    Raises:
        KeyError: it has a table that there are no variants of.
        ValueError: it lacks a table.
    """
    named = [match["name"] for match in _BLOCK.finditer(text)]
    if sorted(named) != sorted((ALL, *TABLES)):
        raise ValueError(f"README.md must have the tables {(ALL, *TABLES)}, but has {named}")
    return _BLOCK.sub(lambda found: f"{found[1]}{table(found['name'])}{found[3]}", text)


def table(name: str) -> str:
    """One of the tables."""
    return totals(TABLES) if name == ALL else kinds(TABLES[name])


def kinds(variants: Iterable[Variant]) -> str:
    """A line for each way in which conversions end, with the checkpoints that end so."""
    ends: dict[str, list[str]] = defaultdict(list)
    listed = list(variants)
    shared = _shared(variant.name for variant in listed)
    for variant in listed:
        _, _, reason = variant.ends.partition(": ")
        name = variant.name.removeprefix(shared)
        ends[_ending(variant)].append(f"{name} (`{reason}`)" if reason else name)
    rows = (f"| {end} | {len(names)} | {'; '.join(names)} |" for end, names in ends.items())
    return "\n".join(("| conversion | kinds | checkpoints |", "|---|---|---|", *rows)) + "\n"


def totals(tables: Mapping[str, Sequence[Variant]]) -> str:
    """A line for each table, with how many conversions end in which way."""
    endings = list(dict.fromkeys(_ending(v) for variants in tables.values() for v in variants))
    counts = {name: Counter(map(_ending, variants)) for name, variants in tables.items()}
    everything: Counter[str] = sum(counts.values(), Counter())
    head = (" | ".join(("| family", *endings)) + " |", "|---" * (1 + len(endings)) + "|")
    rows = (_row(name, counted, endings) for name, counted in counts.items())
    return "\n".join((*head, *rows, _row("all", everything, endings))) + "\n"


def _row(name: str, counted: Counter[str], endings: Sequence[str]) -> str:
    return " | ".join((f"| {name}", *(str(counted[end] or "") for end in endings))) + " |"


def _ending(variant: Variant) -> str:
    """Which classes it becomes and how exactly, or that it is refused or not proven."""
    return variant.ends.partition(": ")[0].replace("native", "stock")


def _shared(names: Iterable[str]) -> str:
    """What all names begin with, up to a comma."""
    first, *others = (name.partition(", ")[0] for name in names)
    return f"{first}, " if others and set(others) == {first} else ""


if __name__ == "__main__":
    README.write_text(write_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
