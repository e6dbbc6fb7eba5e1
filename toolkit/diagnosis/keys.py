"""Configuration keys of a folder that are not as the checkpoint says, and files without any."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from toolkit.compare.consequences import SPECIAL_ID, is_fault, is_note
from toolkit.compare.keys import KeyDifference, config_differences
from toolkit.core.findings import Consequence, Finding, FindingKind, Hypothesis, Note
from toolkit.diagnosis.truth import Truth
from toolkit.folder.contents import Misfit
from toolkit.folder.side_files import GENERATION, PREPROCESSOR, PROCESSOR
from toolkit.folder.view import ABSENT, FolderView

KEY_HYPOTHESES = {
    "hidden_act": "wrong_activation",
    "activation_function": "wrong_activation",
    "feat_extract_activation": "wrong_activation",
    "scale_embedding": "missing_scale",
    "num_attention_heads": "wrong_head_count",
    "attention_heads": "wrong_head_count",
    "decoder_attention_heads": "wrong_head_count",
    "encoder_attention_heads": "wrong_head_count",
    "do_stable_layer_norm": "norm_order",
    "feat_extract_norm": "norm_order",
    "layer_norm_eps": "wrong_epsilon",
    "forced_bos_token_id": "wrong_language",
    "decoder_start_token_id": "wrong_start_token",
    "classifier_activation": "wrong_activation",
    "id2label": "wrong_vocabulary",
    "do_normalize": "not_normalized",
    "dtype": "wrong_dtype",
    "torch_dtype": "wrong_dtype",
}
"""What a wrong value of a configuration key is called; any other is a `wrong_value`."""
STRIDE = "_stride"
"""End of the keys of strides, whichever module has them."""

MAX_NAMES = 8
"""Keys that a sentence names."""
MANY = 4
"""Keys that are left out together, not each by a mistake of its own."""


def file_findings(truth: Truth, view: FolderView) -> Iterator[Finding]:
    """Files that are missing or cannot be read; each stands for all of its keys.

    What a search reads says nothing of a model that is not searched, nor what a feature extractor
    reads of one that hears nothing. What names code of others,
    which was left out, is told by that code.
    """
    unread = set() if truth.contents.generation else {GENERATION}
    unread |= set() if truth.contents.preprocessor else {PREPROCESSOR, PROCESSOR}
    left_out = {item.file for item in view.foreign}
    for problem in view.problems:
        file = problem.partition(":")[0]
        named = any(name in problem.partition(":")[2] for name in left_out)
        if file.endswith(".json") and file not in unread and not named:
            yield Finding(
                kind=_key_kind(file.removesuffix("json")),
                consequence=_consequence(file),
                target_module="",
                config_keys=(file,),
                summary=f"`{file}` {_trouble(truth, view, problem)}",
                hypothesis=Hypothesis(name="wrong_value", confirmed=True, detail={"file": file}),
                fix=_file_fix(truth, file, _maybe_lost(truth, view, problem)),
            )


def _maybe_lost(truth: Truth, view: FolderView, problem: str) -> str | None:
    """Code that the folder should carry and does not, if a problem speaks of it."""
    lost = (name for name in truth.contents.code if not (view.path / name).exists())
    return next((name for name in lost if name in problem), None)


def _trouble(truth: Truth, view: FolderView, problem: str) -> str:
    file, _, said = problem.partition(": ")
    if not (view.path / file).exists():
        return "is missing from the folder"
    lost = _maybe_lost(truth, view, problem)
    return f"cannot be read: {said}" if lost is None else f"names `{lost}`, which is not there"


def _file_fix(truth: Truth, file: str, lost: str | None) -> str:
    if lost is not None:
        return f"put `{lost}` back into the folder, as `toolkit convert` writes it"
    fix = f"write `{file}` as the checkpoint says"
    return f"{fix}: {json.dumps(truth.contents.preprocessor)}" if file == PREPROCESSOR else fix


def _file_of(key: str) -> str:
    group = key.partition(".")[0]
    separate = group in ("generation_config", "preprocessor_config", "processor_config")
    return f"{group}.json" if separate else "config.json"


def key_findings(truth: Truth, view: FolderView) -> Iterator[Finding]:
    """Keys with another value than the checkpoint says, where that shows to a user."""
    differences = tuple(_readable_differences(truth, view))
    left_out = [d for d in differences if _is_left_out(d)]
    if len(left_out) >= MANY:
        yield _left_out_finding(left_out)
        differences = tuple(d for d in differences if d not in left_out)
    settings = [d for d in differences if _is_search_setting(d)]
    if len(settings) > 1:
        yield _search_finding(settings)
        differences = tuple(d for d in differences if d not in settings)
    for difference in differences:
        misfit = truth.contents.maybe_misfit(difference.key)
        if misfit is not None:
            yield _misfit_finding(misfit)
        elif is_fault(difference.consequence):
            yield _key_finding(difference, difference.consequence)


def key_notes(truth: Truth, view: FolderView) -> Iterator[Note]:
    """Keys with another value, where only fine-tuning changes, or nothing."""
    for difference in _readable_differences(truth, view):
        if is_note(difference.consequence):
            yield Note(
                key=difference.key,
                consequence=difference.consequence,
                summary=(
                    f"`{difference.key}` is {difference.actual!r}, where "
                    f"{difference.expected!r} was expected: {difference.because}"
                ),
            )


def _readable_differences(truth: Truth, view: FolderView) -> Iterator[KeyDifference]:
    """The differences in files that can be read; `file_findings` stand for the others."""
    unread = {problem.partition(":")[0] for problem in view.problems}
    if PROCESSOR in unread:
        unread.add(PREPROCESSOR)
    for difference in config_differences(truth.contents, view):
        if _file_of(difference.key) not in unread:
            yield difference


def _is_left_out(difference: KeyDifference) -> bool:
    in_config = _file_of(difference.key) == "config.json" and difference.determined
    return in_config and difference.actual == ABSENT and is_fault(difference.consequence)


def _left_out_finding(left_out: Sequence[KeyDifference]) -> Finding:
    """Many keys that are not there are one cause: parts of a file are lost."""
    keys = tuple(difference.key for difference in left_out)
    return Finding(
        kind="config",
        consequence="output",
        target_module="",
        config_keys=keys,
        summary=(
            f"`config.json` leaves out {len(keys)} keys that the checkpoint determines: "
            f"{_listed([f'`{key}`' for key in keys])}"
        ),
        hypothesis=Hypothesis(
            name="wrong_value",
            confirmed=True,
            detail={"expected": {d.key: repr(d.expected) for d in left_out}},
        ),
        fix="write `config.json` as the checkpoint says",
    )


def _misfit_finding(misfit: Misfit) -> Finding:
    return Finding(
        kind="config",
        consequence="output",
        target_module=misfit.module,
        config_keys=(misfit.key,),
        summary=f"{misfit.because}; {misfit.advice}",
        hypothesis=Hypothesis(
            name=misfit.hypothesis,
            confirmed=True,
            detail={"expected": misfit.expected, "found": misfit.actual},
        ),
        fix=misfit.advice,
    )


def _is_search_setting(difference: KeyDifference) -> bool:
    """Whether it is about how a search goes, and not about the tokens it begins and ends with."""
    group, _, name = difference.key.rpartition(".")
    is_setting = group == "generation_config" and not SPECIAL_ID.fullmatch(name)
    return is_setting and is_fault(difference.consequence)


def _search_finding(settings: Sequence[KeyDifference]) -> Finding:
    """Several settings of one search are one cause: other settings than the checkpoint's."""
    keys = tuple(difference.key for difference in settings)
    names = _listed([f"`{key.rpartition('.')[2]}`" for key in keys])
    return Finding(
        kind="generation",
        consequence="generation",
        target_module="",
        config_keys=keys,
        summary=f"{len(keys)} search settings are not as the checkpoint says: {names}",
        hypothesis=Hypothesis(
            name="wrong_value",
            confirmed=True,
            detail={
                "expected": {d.key: repr(d.expected) for d in settings},
                "found": {d.key: repr(d.actual) for d in settings},
            },
        ),
        fix="\n".join(_fix(difference) for difference in settings),
    )


def _listed(names: Sequence[str]) -> str:
    shown = names[:MAX_NAMES]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _key_finding(difference: KeyDifference, consequence: Consequence) -> Finding:
    difference = _without_equal_entries(difference)
    key, expected, found = difference.key, difference.expected, difference.actual
    return Finding(
        kind=_key_kind(key),
        consequence=consequence,
        target_module="",
        config_keys=(key,),
        summary=f"`{key}` must be {_right(difference)}, but is {found!r}{_meant(difference)}",
        hypothesis=Hypothesis(
            name=_key_hypothesis(key, expected),
            confirmed=True,
            detail={"expected": repr(expected), "found": repr(found)},
        ),
        fix=_fix(difference),
    )


def _without_equal_entries(difference: KeyDifference) -> KeyDifference:
    """Of a mapping the entries that differ: it may name thousands of classes."""
    expected, found = difference.expected, difference.actual
    if not isinstance(expected, Mapping) or not isinstance(found, Mapping):
        return difference
    wrong = [k for k in {**expected, **found} if expected.get(k) != found.get(k)][:MAX_NAMES]
    return replace(
        difference,
        expected={k: expected[k] for k in wrong if k in expected},
        actual={k: found[k] for k in wrong if k in found},
    )


def _meant(difference: KeyDifference) -> str:
    return f"; transformers takes it for {difference.meant}" if difference.meant else ""


def _right(difference: KeyDifference) -> str:
    if difference.determined:
        return f"{difference.expected!r} as the checkpoint says"
    if difference.expected is None:
        return "left out, as no checkpoint sets it"
    return f"{difference.expected!r} as in any new model of its class"


def _fix(difference: KeyDifference) -> str:
    if difference.determined or difference.expected is not None:
        return f"set `{difference.key}` to {difference.expected!r}"
    return f"remove `{difference.key}`"


def _key_hypothesis(key: str, expected: object) -> str:
    name = key.rpartition(".")[2]
    if name == "tie_word_embeddings":
        return "tie_broken" if expected else "tie_invented"
    if name.endswith(STRIDE):
        return "wrong_stride"
    return KEY_HYPOTHESES.get(name, "wrong_value")


def _key_kind(key: str) -> FindingKind:
    if key.startswith("generation_config."):
        return "generation"
    is_front_end = key.startswith(("preprocessor_config.", "processor_config."))
    return "front_end" if is_front_end else "config"


def _consequence(key: str) -> Consequence:
    return "generation" if key.startswith("generation_config.") else "output"
