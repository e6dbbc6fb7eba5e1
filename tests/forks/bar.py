"""Forks of every family and kind of change, each with the evidence that it has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from tests.forks.making import build_original, make_fork
from tests.forks.restructuring import CHANGES
from tests.variants.readme import TABLES
from tests.variants.text_kinds import TextVariant
from toolkit import BadInput, BrokenRule, convert, infer, inspect
from toolkit.audio import golden_folder

MANY = 100
WITHOUT = ("wavlm", "wav2vec2_ctc, several languages", "code_hifigan", "hifigan")
"""Tables of models that fairseq itself cannot build, whose files hold several, or that neither hear
nor read: nothing is inferred for vocoders."""
CLASSLESS = ("UniSpeech", "ContentVec", "NLLB")
"""What names of variants begin with whose class fairseq lacks, so that no code derives from it; or
that hold no output, which fairseq's class fills in under the names that it knows."""
TAKEN_OUT = "CTC model"
"""What is said of encoders out of a larger model, which its code builds, and not the encoder."""
CLIPS = [golden_folder() / "tiny.flac"]
SENTENCE = "The children read the letter."


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fork that is to be made."""

    table: str
    variant: object
    change: str
    evidence: str
    """`code` or `weights`."""

    def row(self) -> str:
        """One line of a table."""
        name = str(getattr(self.variant, "name", ""))
        return f"{self.table:24.24} {name:32.32} {self.change:24} {self.evidence:8}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it."""

    verdict: str
    is_same: bool
    """Whether the folder holds what the original's conversion holds."""
    said: str

    @property
    def is_right(self) -> bool:
        """Whether it was mapped as it must be, and proven."""
        return self.verdict == "match" and self.is_same

    @property
    def is_wrong(self) -> bool:
        """Whether a wrong mapping is called a match."""
        return self.verdict == "match" and not self.is_same

    def row(self) -> str:
        """The end of a line of a table."""
        return f"{self.verdict:10} {'same' if self.is_same else 'other':6} {self.said[:3000]}"


def chosen(count: int, shift: int = 0, only: Collection[str] = ()) -> Iterator[Case]:
    """So many forks, over all families, changes and evidence in turn.

    Args:
        count: How many.
        shift: Which other ones: so many variants further in each family.
        only: Tables of families; by default all of those that hear or read.
    """
    named = only or [name for name in TABLES if name not in WITHOUT]
    tables = {name: _usable(TABLES[name]) for name in named}
    names, changes = list(tables), list(CHANGES)
    for number in range(count):
        turn, place = divmod(number, len(names))
        variants = tables[names[place]]
        variant = variants[(3 * turn + shift) % len(variants)]
        has_code = (turn + turn // len(changes) + place // 2) % 2 == 0 and _may_have_code(variant)
        yield Case(
            table=names[place],
            variant=variant,
            change=changes[(turn + place) % len(changes)],
            evidence="code" if has_code else "weights",
        )


def _may_have_code(variant: object) -> bool:
    """Whether fairseq builds a model of its arguments, from which code may derive its own."""
    name = str(getattr(variant, "name", ""))
    return not name.startswith(CLASSLESS) and TAKEN_OUT not in name


def _usable(variants: Sequence[object]) -> list[object]:
    """Those that convert without options, and tell their arguments."""
    return [
        variant
        for variant in variants
        if "refused" not in str(getattr(variant, "ends", ""))
        and not getattr(variant, "options", {})
        and not any(
            word in str(getattr(variant, "name", "")) for word in ("no ", "without", "left")
        )
    ]


def try_fork(case: Case, folder: Path) -> Outcome:
    """Makes a fork, infers its mapping, converts with it, and holds it against the original.

    Args:
        case: The fork.
        folder: An empty folder.
    """
    original = build_original(case.variant, folder / "original")
    convert(original, folder / "hf", verify=False)
    has_code = case.evidence == "code"
    fork = make_fork(original, case.change, folder / "fork", has_code=has_code)
    mapping = folder / "mapping.yaml"
    try:
        if has_code:
            family = str(inspect(original).family)
            found = infer(fork.checkpoint, family, user_dir=fork.code, write=mapping)
        else:
            found = infer(fork.checkpoint, str(folder / "hf"), write=mapping)
        open_rows = "; ".join(", ".join(one.targets) for one in found.ambiguous)
        said = open_rows or ("" if found.held != "nothing" else found.because)
        result = convert(fork.checkpoint, folder / "out", mapping=mapping, **_asked(case, folder))
    except (BadInput, BrokenRule) as error:
        return Outcome(verdict="refused", is_same=False, said=str(error).replace(str(folder), ""))
    is_same = result.verdict != "mismatch" and hold_the_same(folder / "out", folder / "hf")
    return Outcome(verdict=result.verdict, is_same=is_same, said=said)


def _asked(case: Case, folder: Path) -> dict[str, list[Path]]:
    """What the proof asks about."""
    if not isinstance(case.variant, TextVariant):
        return {"audio": CLIPS}
    (folder / "sentence.txt").write_text(f"{SENTENCE}\n", encoding="utf-8")
    return {"text": [folder / "sentence.txt"]}


def hold_the_same(one: Path, other: Path) -> bool:
    """Whether two folders have the same weights, but for one rounding."""
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    return first.keys() == second.keys() and all(
        torch.allclose(first[name].double(), second[name].double(), rtol=1e-6, atol=0)
        for name in first
    )
