"""What a folder's files hold against what the checkpoint says, without running any model."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS
from toolkit.compare import tolerances
from toolkit.compare.keys import config_differences
from toolkit.compare.static import DIRECTION, GAIN, effective_error, wrong_rows
from toolkit.core.lazy import LazyTensors
from toolkit.core.result import Finding, FindingKind, Hypothesis
from toolkit.diagnosis.hypotheses import Suspect, explain
from toolkit.diagnosis.provenance import Registry
from toolkit.folder.contents import FolderContents
from toolkit.folder.view import FolderView
from toolkit.mapping import Plan
from toolkit.replay.pairs import owner

if TYPE_CHECKING:
    from torch import Tensor

OLD_NAMES = {".weight_g": GAIN, ".weight_v": DIRECTION}
"""Names of weight norm before `torch.nn.utils.parametrizations`; transformers renames on load."""

SCORE_ROUNDING = 1e-12
"""Relative; sentencepiece's own scores are float32, a million times coarser."""

KEY_HYPOTHESES = {
    "hidden_act": "wrong_activation",
    "activation_function": "wrong_activation",
    "feat_extract_activation": "wrong_activation",
    "scale_embedding": "missing_scale",
    "num_attention_heads": "wrong_head_count",
    "decoder_attention_heads": "wrong_head_count",
    "encoder_attention_heads": "wrong_head_count",
    "do_stable_layer_norm": "norm_order",
    "feat_extract_norm": "norm_order",
    "layer_norm_eps": "wrong_epsilon",
    "conv_stride": "wrong_stride",
    "adapter_stride": "wrong_stride",
    "forced_bos_token_id": "wrong_language",
    "decoder_start_token_id": "wrong_start_token",
    "do_normalize": "not_normalized",
}
"""What a wrong value of a configuration key is called; any other is a `wrong_value`."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a folder must hold, and who says so."""

    plan: Plan
    contents: FolderContents
    tensors: Mapping[str, Tensor]
    """The expected value of every assigned target tensor, in float32."""
    origins: Mapping[str, str]
    """The row that wrote each tensor, in words: the family's, or that of a mapping file."""
    head_widths: Mapping[str, int]
    """Width of an attention head, by the prefix of the parameters it applies to."""
    encodings: Mapping[str, tuple[int, ...]]
    """Texts and the ids that fairseq gives them, tag and end included."""
    decodings: Mapping[tuple[int, ...], str]
    """Ids and the text that fairseq makes of them, without tags, ends and unknowns."""
    scores: Mapping[str, float]
    """Scores of the rows that texts are cut into; empty where the tokenizer scores none."""


def take_inventory(truth: Truth, view: FolderView) -> tuple[Finding, ...]:
    """Every difference between the files and the checkpoint, as findings."""
    keys = tuple(_key_findings(truth, view))
    return (
        *_file_findings(view),
        *_tensor_findings(truth, view),
        *keys,
        *_vocabulary_findings(truth, view),
    )


def _tensor_findings(truth: Truth, view: FolderView) -> Iterator[Finding]:
    actual = LazyTensors(
        {_modern(name): partial(_in_float32, view.tensors, name) for name in view.tensors}
    )
    suspects = []
    for name, expected in truth.tensors.items():
        if name not in actual:
            yield _missing(truth, name)
        elif not actual[name].equal(expected) and not _same_effect(name, truth, actual):
            suspects.append(
                Suspect(
                    name=name,
                    actual=actual[name],
                    expected=expected,
                    head_width=_head_width(truth, name),
                )
            )
    explained: dict[str, Hypothesis] = {}
    if suspects:
        registry = Registry(truth.tensors)
        explained = {suspect.name: explain(suspect, registry) for suspect in suspects}
    yield from (
        _weights_finding(truth, names, explained) for names in _grouped(explained, len(actual))
    )
    yield from _tied_findings(truth, actual)
    yield from _unexpected(truth, actual)


def _in_float32(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    return tensors[name].float()


def _modern(name: str) -> str:
    for old, new in OLD_NAMES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _same_effect(name: str, truth: Truth, actual: Mapping[str, Tensor]) -> bool:
    """Whether a weight norm is split in another way into the same effective weight."""
    for ending in (GAIN, DIRECTION):
        if name.endswith(ending):
            factors = [name.removesuffix(ending) + part for part in (GAIN, DIRECTION)]
            if not all(factor in actual for factor in factors):
                return False
            expected = (truth.tensors[factors[0]], truth.tensors[factors[1]])
            found = (actual[factors[0]], actual[factors[1]])
            return effective_error(expected, found) <= tolerances.EFFECTIVE_WEIGHT
    return False


def _head_width(truth: Truth, name: str) -> int | None:
    if "_proj." not in name:
        return None
    return next((w for prefix, w in truth.head_widths.items() if name.startswith(prefix)), None)


def _grouped(explained: Mapping[str, Hypothesis], tensors: int) -> Iterator[tuple[str, ...]]:
    """Tensors that one mistake explains: swapped, off by the same layers, a whole file rounded."""
    rounded = Counter(h.detail.get("dtype") for h in explained.values())
    groups: dict[Any, list[str]] = defaultdict(list)
    for name, hypothesis in explained.items():
        dtype = hypothesis.detail.get("dtype")
        whole = dtype is not None and rounded[dtype] > tensors / 2
        key = ("file", dtype) if whole else _group_key(name, hypothesis, explained)
        groups[key].append(name)
    return (tuple(names) for names in groups.values())


def _group_key(name: str, hypothesis: Hypothesis, explained: Mapping[str, Hypothesis]) -> Any:
    if hypothesis.name == "layer_offset":
        partner = hypothesis.detail["with"]
        back = explained.get(partner)
        if back is not None and back.detail.get("with") == name:
            return "pair", owner(min(name, partner)), owner(max(name, partner))
        return "offset", hypothesis.detail["offset"], _stack(name)
    if hypothesis.name == "swapped_with" and hypothesis.detail["with"] in explained:
        both = sorted((name, hypothesis.detail["with"]))
        return "pair", owner(both[0]), owner(both[1])
    return owner(name), hypothesis.name


def _stack(name: str) -> str:
    return re.split(r"layers\.\d", name)[0]


def _weights_finding(
    truth: Truth, names: tuple[str, ...], explained: Mapping[str, Hypothesis]
) -> Finding:
    hypothesis = explained[names[0]]
    assignments = [truth.plan.assignments[name] for name in names]
    sources = tuple(dict.fromkeys(a.source for a in assignments if a.source is not None))
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return Finding(
        kind="missing" if hypothesis.name == "not_filled" else "weights",
        target_module=owner(names[0]),
        target_parameters=names,
        source_module=owner(sources[0]) if sources else "",
        source_parameters=sources,
        rule=truth.origins.get(names[0]),
        summary=f"`{names[0]}`{others} {_say(hypothesis)}",
        hypothesis=hypothesis,
        fix=_fix(hypothesis, names[0], sources),
    )


def _missing(truth: Truth, name: str) -> Finding:
    assignment = truth.plan.assignments[name]
    return Finding(
        kind="missing",
        target_module=owner(name),
        target_parameters=(name,),
        source_module=owner(assignment.source or ""),
        source_parameters=(assignment.source,) if assignment.source else (),
        rule=truth.origins.get(name),
        summary=f"`{name}` is missing from the folder; transformers fills it at random",
        hypothesis=Hypothesis(name="not_filled", confirmed=True, detail={"missing": True}),
        fix=f"write `{assignment.source or assignment.op.name}` there",
    )


def _tied_findings(truth: Truth, actual: Mapping[str, Tensor]) -> Iterator[Finding]:
    for tie in truth.plan.ties:
        if tie.target in actual and not actual[tie.target].equal(truth.tensors[tie.target_twin]):
            yield Finding(
                kind="weights",
                target_module=owner(tie.target),
                target_parameters=(tie.target,),
                source_module=owner(tie.source),
                source_parameters=(tie.source,),
                rule=str(tie),
                summary=f"`{tie.target}` must be `{tie.target_twin}`, but is another tensor",
                hypothesis=Hypothesis(name="tie_broken", confirmed=True),
                fix=f"leave `{tie.target}` out of the file; transformers ties it",
            )


def _unexpected(truth: Truth, actual: Mapping[str, Tensor]) -> Iterator[Finding]:
    for name in actual:
        if name not in truth.plan.targets:
            yield Finding(
                kind="weights",
                target_module=owner(name),
                target_parameters=(name,),
                summary=f"`{name}` has no place in the model that the checkpoint describes",
                hypothesis=Hypothesis(name="wrong_value", confirmed=True, detail={"extra": True}),
                fix=f"remove `{name}`, or correct the key that makes the model want it",
            )


def _file_findings(view: FolderView) -> Iterator[Finding]:
    """Files that are missing or cannot be read; each stands for all of its keys."""
    for problem in view.problems:
        file = problem.partition(":")[0]
        if file.endswith(".json"):
            yield Finding(
                kind=_key_kind(file.removesuffix("json")),
                target_module="",
                config_keys=(file,),
                summary=f"`{file}` cannot be read: {problem.partition(': ')[2]}",
                hypothesis=Hypothesis(name="wrong_value", confirmed=True, detail={"file": file}),
                fix=f"write `{file}` as the checkpoint says",
            )


def _file_of(key: str) -> str:
    group = key.partition(".")[0]
    separate = group in ("generation_config", "preprocessor_config")
    return f"{group}.json" if separate else "config.json"


def _key_findings(truth: Truth, view: FolderView) -> Iterator[Finding]:
    unread = {problem.partition(":")[0] for problem in view.problems}
    for difference in config_differences(truth.contents, view):
        if _file_of(difference.key) in unread:
            continue
        yield _key_finding(difference.key, difference.expected, difference.actual)


def _key_finding(key: str, expected: Any, found: Any) -> Finding:
    name = _key_hypothesis(key, expected)
    return Finding(
        kind=_key_kind(key),
        target_module="",
        config_keys=(key,),
        summary=f"`{key}` must be {expected!r} as the checkpoint says, but is {found!r}",
        hypothesis=Hypothesis(
            name=name, confirmed=True, detail={"expected": repr(expected), "found": repr(found)}
        ),
        fix=f"set `{key}` to {expected!r}",
    )


def _key_hypothesis(key: str, expected: Any) -> str:
    name = key.rpartition(".")[2]
    if name == "tie_word_embeddings":
        return "tie_broken" if expected else "tie_invented"
    return KEY_HYPOTHESES.get(name, "wrong_value")


def _key_kind(key: str) -> FindingKind:
    if key.startswith("generation_config."):
        return "generation"
    return "front_end" if key.startswith("preprocessor_config.") else "config"


def _vocabulary_findings(truth: Truth, view: FolderView) -> Iterator[Finding]:
    if view.tokenizer is None:
        yield _vocabulary_finding("tokenizer.json", ("no tokenizer loads", *view.problems))
        return
    rows = tuple(wrong_rows(truth.contents, view))
    special = dict(_wrong_special(truth, view.tokenizer))
    if rows:
        yield _vocabulary_finding("tokenizer.json", rows)
    for key, wrong in special.items():
        yield _vocabulary_finding(f"tokenizer_config.{key}", (wrong,))
    if not rows and not special:
        wrong_texts = (
            *_wrong_scores(truth, view.tokenizer),
            *_wrong_texts(truth, view.tokenizer),
        )
        if wrong_texts:
            yield _vocabulary_finding("tokenizer.json", wrong_texts)


def _vocabulary_finding(key: str, wrong: tuple[str, ...]) -> Finding:
    return Finding(
        kind="vocabulary",
        target_module="",
        config_keys=(key,),
        summary=f"`{key}` differs from dict.txt: {'; '.join(wrong[:3])}",
        hypothesis=Hypothesis(
            name="wrong_vocabulary", confirmed=True, detail={"rows": list(wrong[:20])}
        ),
        fix="build the tokenizer row by row from dict.txt and the sentencepiece model",
    )


def _wrong_special(truth: Truth, tokenizer: Any) -> Iterator[tuple[str, str]]:
    """Keys of `tokenizer_config.json` that name another token than fairseq's."""
    names = ("bos_token", "pad_token", "eos_token", "unk_token")
    for key, expected in zip(names, SPECIAL_SYMBOLS, strict=True):
        found = getattr(tokenizer, key)
        if found != expected:
            yield key, f"{found!r}, not {expected!r}"
    printed = [
        lang
        for lang, index in truth.contents.language_tags.items()
        if truth.contents.dictionary.symbols[index] not in tokenizer.all_special_tokens
    ]
    if printed:
        yield "extra_special_tokens", f"decoding prints the tags of {', '.join(printed)}"


def _wrong_scores(truth: Truth, tokenizer: Any) -> Iterator[str]:
    """Rows whose score is not the sentencepiece model's, where the tokenizer scores rows."""
    if not truth.scores:
        return
    found = _scores(tokenizer)
    for piece, score in truth.scores.items():
        # `tokenizers` reads numbers from a file up to their last bit.
        if found and not math.isclose(found.get(piece, math.nan), score, rel_tol=SCORE_ROUNDING):
            yield f"{piece!r} has the score {found.get(piece)}, not {score}"


def _scores(tokenizer: Any) -> dict[str, float]:
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    vocabulary = model.get("vocab", [])
    return dict(vocabulary) if isinstance(vocabulary, list) else {}


def _wrong_texts(truth: Truth, tokenizer: Any) -> Iterator[str]:
    for text, ids in truth.encodings.items():
        found = tuple(tokenizer(text).input_ids)
        if found != ids:
            yield f"{text!r} becomes {found}, not {ids}"
    for ids, text in truth.decodings.items():
        said = tokenizer.decode(list(ids), skip_special_tokens=True)
        if said != text:
            yield f"{ids} become {said!r}, not {text!r}"


def _say(hypothesis: Hypothesis) -> str:
    detail = hypothesis.detail
    sentences = {
        "zeroed": "holds zeros",
        "sign_flipped": "holds its values with the sign flipped",
        "transposed": "holds its values transposed",
        "precision_lost": f"went through {detail.get('dtype')}",
        "swapped_with": f"holds the values of `{detail.get('with')}`",
        "layer_offset": f"holds the values of a layer {detail.get('offset')} further",
        "scaled": f"holds its values times {detail.get('factor')}",
        "heads_permuted": f"holds its heads in the order {detail.get('heads')}",
        "rows_permuted": f"holds {detail.get('moved')} of its rows in other places",
        "rows_shifted": f"holds its rows shifted by {detail.get('by')}",
        "partly_copied": f"holds only {detail.get('equal_share', 0):.0%} of its values",
        "not_filled": "holds nothing of its source",
        "wrong_value": f"differs in {detail.get('elements', 'its')} elements",
    }
    return sentences.get(hypothesis.name, hypothesis.name)


def _fix(hypothesis: Hypothesis, name: str, sources: Iterable[str]) -> str:
    source = ", ".join(f"`{s}`" for s in sources)
    home = hypothesis.detail.get("with")
    if home:
        return f"map {source} to `{name}`; what stands there belongs to `{home}`"
    return f"write {source} to `{name}` unchanged"
