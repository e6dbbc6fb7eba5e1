"""The reload level: the folder saved by transformers and loaded again is the same folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from toolkit.compare import tolerances
from toolkit.compare.keys import key_faults
from toolkit.compare.metrics import relative_error
from toolkit.core.counting import counted
from toolkit.core.measures import Level, Measure
from toolkit.folder.contents import FolderContents
from toolkit.folder.languages import of_model
from toolkit.mapping import Plan
from toolkit.oracle.asking import Pass
from toolkit.oracle.pages import let_go
from toolkit.oracle.places import Places
from toolkit.oracle.rows import a_second
from toolkit.oracle.search import Search, at_most, capped, with_beam
from toolkit.tasks.speech.frames import only_frames
from toolkit.tasks.speech.run import HeardRun
from toolkit.tasks.speech.saving import save
from toolkit.tasks.speech.target import HearingTarget, SpeechTarget

T = TypeVar("T", bound=HearingTarget)
R = TypeVar("R", bound=HeardRun)

SEARCHED_TOKENS = 8
"""What a reloaded folder is searched for."""


def reload_level(
    target: SpeechTarget,
    contents: FolderContents,
    plan: Plan,
    runs: Sequence[HeardRun],
    search: Search,
    *,
    thorough: bool,
) -> Level:
    """Saves the loaded folder with `save_pretrained`, loads that, and compares the two.

    Weights, logits, greedy tokens, configuration, vocabulary and ties must all be the same. Logits
    are those of the clips of which most was asked. One clip is searched, the shortest, for its
    first tokens: a search takes longest, and behind equal weights, logits and settings it is the
    searching itself that may be lost.

    Args:
        target: The loaded folder.
        contents: What it must hold.
        plan: What a proof expects.
        runs: All clips.
        search: How it was searched before.
        thorough: Whether that clip is searched to its end.
    """
    first = _first_language(contents)
    runs = [run for run in runs if first is None or run.tag == first]
    searched = _shortest([run for run in runs if run.effort.searched])

    def changed_words(again: SpeechTarget, heard: Mapping[str, Pass]) -> Iterator[Measure]:
        ids = _changed_ids(target, again)
        yield _measure("ids that changed", ids, len(contents.dictionary))
        most = None if thorough else SEARCHED_TOKENS
        tokens = _changed_tokens(again, searched, search, heard, most)
        told = "tokens" if most is None else f"first {most} tokens"
        yield _measure(f"clips whose {told} changed", tokens, len(searched))

    passed = [run for run in runs if run.effort.replayed and run.effort.searched]
    return saved_level(target, contents, plan, passed, "logits", changed_words)


def saved_level(
    target: T,
    contents: FolderContents,
    plan: Plan,
    runs: Sequence[HeardRun],
    result: str,
    further: Callable[[T, Mapping[str, Pass]], Iterable[Measure]] = lambda *_: (),
) -> Level:
    """Saves the loaded folder with `save_pretrained`, loads that, and compares the two.

    Args:
        target: The loaded folder.
        contents: What it must hold.
        plan: What a proof expects.
        runs: The clips whose result must be the same.
        result: What that is, in words: logits.
        further: What else is compared, given what was loaded again, and its pass over the shortest
            clip by the clip's name.
    """
    target.make_ready(())
    tensors = sum(1 for _ in of_model(plan.targets))
    with tempfile.TemporaryDirectory(prefix="toolkit-reload-") as name:
        refusal = _save(target, Path(name))
        if refusal is not None:
            return _unsaved(refusal)
        again = target.reopened(Path(name))
        keys = _changed_keys(target, again, contents)
        heard: dict[str, Pass] = {}
        results = _changed_results(again, runs, heard)
        measures = (
            _measure("tensors that changed", _changed_tensors(target, again), tensors),
            _measure("ties that changed", _changed_ties(again, plan), max(len(plan.ties), 1)),
            _measure("keys that changed", keys, len(contents.config)),
            _measure(f"clips whose {result} changed", results, len(runs)),
            *further(again, heard),
        )
    changed = sum(int(measure.error) for measure in measures)
    return Level(
        name="reload",
        measures=measures,
        summary=(
            f"saved and loaded again: {counted(changed, 'changes')} in {tensors} tensors, "
            f"{counted(len(runs), 'clips')}, the configuration{_and_words(contents)}"
        ),
    )


def _first_language(contents: FolderContents) -> int | None:
    """The language that a saved folder has left; None where languages share their weights."""
    return None if contents.spoken is None else contents.language_tags[contents.spoken.first]


def _and_words(contents: FolderContents) -> str:
    return " and the vocabulary" if len(contents.dictionary) else ""


def _save(target: HearingTarget, folder: Path) -> str | None:
    """Saves every part; returns what transformers says where it refuses one."""
    try:
        save(target, folder)
    except Exception as error:  # its checks of a configuration raise what they like
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def _unsaved(refusal: str) -> Level:
    refused = _measure("parts that cannot be saved", iter((refusal,)), 1)
    return Level(name="reload", measures=(refused,), summary=f"it cannot be saved: {refusal}")


def _measure(name: str, wrong: Iterator[str], compared: int) -> Measure:
    found = list(wrong)
    return Measure(
        name=name,
        where="; ".join(found[:3]),
        error=float(len(found)),
        tolerance=tolerances.EXACT,
        unit="changes",
        compared=compared,
    )


def _changed_tensors(before: HearingTarget, after: HearingTarget) -> Iterator[str]:
    yield from (f"{name} is missing" for name in after.loading.missing)
    yield from (f"{name} is unexpected" for name in after.loading.unexpected)
    state, places = after.model.state_dict(), Places()
    for name, tensor in before.model.state_dict().items():
        if name in state and places.are_one(tensor, state[name]):
            continue
        if name not in state or not tensor.equal(state[name]):
            yield name
        let_go()


def _changed_ties(after: HearingTarget, plan: Plan) -> Iterator[str]:
    """Twins that are two tensors now, and single tensors that became twins."""
    state = after.model.state_dict()
    declared = {frozenset((tie.target, tie.target_twin)) for tie in plan.ties}
    for tie in plan.ties:
        if state[tie.target].data_ptr() != state[tie.target_twin].data_ptr():
            yield f"{tie.target} is no longer tied"
    seen: dict[int, str] = {}
    for name, tensor in state.items():
        twin = seen.setdefault(tensor.data_ptr(), name)
        if twin != name and tensor.numel() and frozenset((name, twin)) not in declared:
            yield f"{name} is tied to {twin}"


def _changed_keys(
    before: HearingTarget, after: HearingTarget, contents: FolderContents
) -> Iterator[str]:
    known = {difference.key for difference in key_faults(contents, before.view)}
    for difference in key_faults(contents, after.view):
        if difference.key not in known:
            yield difference.key


def _changed_ids(before: SpeechTarget, after: SpeechTarget) -> Iterator[str]:
    tokens = before.tokenizer.get_vocab()
    again = after.tokenizer.get_vocab()
    if tokens == again:  # which a quarter of a million of them are told in no time
        return
    yield from (token for token in tokens | again if tokens.get(token) != again.get(token))


def _shortest(runs: Sequence[R]) -> list[R]:
    return sorted(runs, key=lambda run: len(run.source))[:1]


def _changed_results(
    after: HearingTarget, runs: Sequence[HeardRun], heard: dict[str, Pass]
) -> Iterator[str]:
    """The clips of which another result is heard; the pass over the shortest stays in `heard`."""
    # Not bit for bit: where a file's tensors lie in memory decides how kernels sum.
    shortest = next(iter(_shortest(runs)), None)
    for run in runs:
        made = after.forward([run.source], [run.prefix], only=())
        before = run.target_result
        if before is None or not relative_error(before, made.result) <= tolerances.LOGITS_FLOAT32:
            yield run.clip.name
        if run is shortest:
            heard[run.clip.name] = only_frames(made)


def _changed_tokens(
    after: SpeechTarget,
    runs: Sequence[HeardRun],
    search: Search,
    heard: Mapping[str, Pass],
    most: int | None,
) -> Iterator[str]:
    """The clips of which another hypothesis is found, or another beginning of so many tokens."""
    for run in runs:
        greedy = with_beam(capped(search, len(run.source), a_second(run.source)), 1)
        short = greedy if most is None else at_most(greedy, most)
        found = after.search(run.source, short, run.tag, heard.get(run.clip.name))[0].tokens
        before = run.said.converted
        is_cut = short is not greedy and _is_beginning(found, before, short.max_len_b)
        if found != before and not is_cut:
            yield run.clip.name


def _is_beginning(found: Sequence[int], whole: Sequence[int], most: int) -> bool:
    """Whether a search that ended for want of tokens found what a longer one begins with."""
    return len(whole) > len(found) == most + 1 and found[:most] == whole[:most]
