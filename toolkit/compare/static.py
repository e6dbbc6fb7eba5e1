"""Levels that need no forward pass: weights, configuration, vocabulary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS
from toolkit.compare import tolerances
from toolkit.compare.keys import config_differences, expected_keys
from toolkit.compare.metrics import elementwise_error, relative_error
from toolkit.core.result import Level, Measure
from toolkit.folder.contents import FolderContents
from toolkit.folder.weights import target_tensor
from toolkit.mapping import Plan
from toolkit.mapping.ops import effective_weight
from toolkit.oracle.asking import AnyReference
from toolkit.replay.target import Target

if TYPE_CHECKING:
    from torch import Tensor

GAIN = ".parametrizations.weight.original0"
DIRECTION = ".parametrizations.weight.original1"

PROBE_TEXTS = (
    "",
    " ",
    "  two  spaces  ",
    "tab\tand\nline",
    "ﬁne Ⅷ ½ ＡＢＣ",
    "e\u0301 a\u0308 no\u0303",
    "漢字 😀 unknown",
    "Don't stop-me, now… (100%)!",
)
"""Texts at which tokenizers part: spaces, compatibility forms, combining marks, unknown symbols."""


@dataclass(frozen=True, kw_only=True)
class WeightError:
    """How far one target tensor is from what the mapping makes of the source."""

    target: str
    error: float
    expected_shape: tuple[int, ...]
    actual_shape: tuple[int, ...]


def weight_errors(plan: Plan, checkpoint: Checkpoint, target: Target) -> tuple[WeightError, ...]:
    """The error of every tensor in the model's state dict, weight norm as effective weight.

    A weight-normed convolution is one entry, under the name of its direction: another split into
    factors gives the same convolution.
    """
    state: Mapping[str, Tensor] = target.model.state_dict()
    twins = {tie.target: tie.target_twin for tie in plan.ties}
    return tuple(
        _weight_error(name, plan, checkpoint, state, twins)
        for name in plan.targets
        if not name.endswith(GAIN)
    )


def weights_level(errors: tuple[WeightError, ...], target: Target) -> Level:
    """Whether every tensor holds what the mapping makes of the source."""
    normed = [e for e in errors if e.target.endswith(DIRECTION)]
    plain = [e for e in errors if not e.target.endswith(DIRECTION)]
    loading = target.loading
    strange = (*loading.missing, *loading.unexpected, *loading.mismatched)
    unit = "relative to the largest value"
    measures = [
        _worst_weight("tensors", plain, tolerances.EXACT, unit),
        _worst_weight("effective weights", normed, tolerances.EFFECTIVE_WEIGHT, unit),
        Measure(
            name="missing, unexpected or mismatched in the file",
            where=", ".join(strange[:3]),
            error=float(len(strange)),
            tolerance=tolerances.EXACT,
            unit="tensors",
            compared=len(errors),
        ),
    ]
    wrong = sum(e.error > tolerances.EFFECTIVE_WEIGHT for e in errors)
    return Level(
        name="weights",
        measures=tuple(m for m in measures if m.compared),
        summary=f"{len(errors) - wrong} of {len(errors)} tensors hold the source's values",
    )


def config_level(contents: FolderContents, target: Target) -> Level:
    """Whether every configuration key that the checkpoint determines has its value."""
    compared = sum(1 for _ in expected_keys(contents))
    differing = config_differences(contents, target.view)
    return Level(
        name="config",
        measures=(
            Measure(
                name="keys",
                where=", ".join(d.key for d in differing[:3]),
                error=float(len(differing)),
                tolerance=tolerances.EXACT,
                unit="keys",
                compared=compared,
            ),
        ),
        summary=(
            f"{len(differing)} keys are not as the checkpoint says"
            if differing
            else f"all {compared} keys are as the checkpoint says"
        ),
    )


def vocabulary_level(
    contents: FolderContents, reference: AnyReference, target: Target, texts: Iterable[str]
) -> Level:
    """Whether every id means the same symbol, and every text gets the same ids, on both sides."""
    rows = tuple(wrong_rows(contents, target))
    special = tuple(wrong_special_tokens(contents, target))
    probes = tuple(dict.fromkeys((*texts, *probe_texts(contents))))
    encoded = tuple(wrong_encodings(contents, reference, target, probes))
    size = len(contents.dictionary)
    return Level(
        name="vocabulary",
        measures=(
            _count("rows", rows, size, "ids"),
            _count("special tokens", special, len(SPECIAL_SYMBOLS) + len(contents.language_tags)),
            _count("texts", encoded, len(probes), "texts"),
        ),
        summary=(
            f"{size - len(rows)} of {size} ids as in dict.txt, "
            f"{len(probes) - len(encoded)} of {len(probes)} texts encoded alike"
        ),
    )


def probe_texts(contents: FolderContents) -> tuple[str, ...]:
    """Texts at which tokenizers part; where words are symbols, also texts of known words."""
    if contents.spm_path is not None:
        return PROBE_TEXTS
    words = contents.dictionary.symbols[len(SPECIAL_SYMBOLS) :]
    return (*PROBE_TEXTS, " ".join(words), "  ".join(reversed(words)), "\t".join(words[::2]))


class HasTokenizer(Protocol):
    """A loaded folder, or a view of one."""

    @property
    def tokenizer(self) -> Any:
        """The folder's tokenizer."""
        ...


def wrong_rows(contents: FolderContents, target: HasTokenizer) -> Iterator[str]:
    """Ids whose token is not the dictionary's symbol, and rows too many or too few."""
    symbols = contents.dictionary.symbols
    tokens = target.tokenizer.convert_ids_to_tokens(list(range(len(symbols))))
    for index, (symbol, token) in enumerate(zip(symbols, tokens, strict=True)):
        if symbol != token:
            yield f"{index}: {symbol!r} became {token!r}"
    if len(target.tokenizer) != len(symbols):
        yield f"{len(target.tokenizer)} tokens for {len(symbols)} symbols"


def wrong_special_tokens(contents: FolderContents, target: HasTokenizer) -> Iterator[str]:
    """Special tokens and language tags that have another id, or that decoding does not skip."""
    names = ("bos", "pad", "eos", "unk")
    for expected, name in enumerate(names):
        found = getattr(target.tokenizer, f"{name}_token_id")
        if found != expected:
            yield f"{name}_token_id is {found}, not {expected}"
    skipped = set(target.tokenizer.all_special_ids)
    for lang, index in contents.language_tags.items():
        if index not in skipped:
            yield f"the tag of {lang} is no special token"


def wrong_encodings(
    contents: FolderContents, reference: AnyReference, target: Target, texts: Iterable[str]
) -> Iterator[str]:
    """Texts that get other ids than from fairseq, or are framed or decoded in another way."""
    for text in texts:
        expected = reference.encode(text)
        frame = framed(contents, expected)
        if tuple(target.tokenizer(text).input_ids) != frame:
            yield repr(text)
        elif target.text(frame) != reference.text(expected):
            yield f"{text!r} decoded"


def framed(contents: FolderContents, ids: tuple[int, ...]) -> tuple[int, ...]:
    """The ids of a text with its language tag and end."""
    end = contents.dictionary.index("</s>")
    if contents.prefix_tag is None:
        return (*ids, end)
    return (contents.dictionary.index(contents.prefix_tag), *ids, end)


def _weight_error(
    name: str,
    plan: Plan,
    checkpoint: Checkpoint,
    state: Mapping[str, Tensor],
    twins: Mapping[str, str],
) -> WeightError:
    expected = _expected(name, plan, checkpoint, twins)
    actual = state.get(name)
    if actual is None:
        return WeightError(
            target=name, error=float("nan"), expected_shape=tuple(expected.shape), actual_shape=()
        )
    actual = actual.cpu()
    shapes = {"expected_shape": tuple(expected.shape), "actual_shape": tuple(actual.shape)}
    error = relative_error(expected, actual)
    if name.endswith(DIRECTION) and expected.shape == actual.shape:
        gain = name.removesuffix(DIRECTION) + GAIN
        factors = (_expected(gain, plan, checkpoint, twins), expected)
        error = effective_error(factors, (state[gain].cpu(), actual))
    return WeightError(target=name, error=error, **shapes)


def effective_error(expected: tuple[Tensor, Tensor], actual: tuple[Tensor, Tensor]) -> float:
    """How far two weight norms, each gain and direction, are apart in what they compute with.

    Returns:
        The largest difference of an element over its own size, infinity where shapes differ.
    """
    if any(one.shape != other.shape for one, other in zip(expected, actual, strict=True)):
        return math.inf
    return elementwise_error(effective_weight(*expected), effective_weight(*actual))


def _expected(name: str, plan: Plan, checkpoint: Checkpoint, twins: Mapping[str, str]) -> Tensor:
    return target_tensor(plan.assignments[twins.get(name, name)], plan, checkpoint.mapped)


def _worst_weight(name: str, errors: list[WeightError], tolerance: float, unit: str) -> Measure:
    worst = max(errors, key=lambda e: (e.error != e.error, e.error), default=None)
    return Measure(
        name=name,
        where="" if worst is None else worst.target,
        error=0.0 if worst is None else worst.error,
        tolerance=tolerance,
        unit=unit,
        compared=len(errors),
    )


def _count(name: str, wrong: tuple[str, ...], compared: int, unit: str = "tokens") -> Measure:
    return Measure(
        name=name,
        where="; ".join(wrong[:3]),
        error=float(len(wrong)),
        tolerance=tolerances.EXACT,
        unit=unit,
        compared=compared,
    )
