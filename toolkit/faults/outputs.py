"""Faults of the layers that have a row for each symbol: ties, and symbols in other places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from toolkit.core.breakable import Output
from toolkit.core.slips import CONFIG, Value
from toolkit.faults import weights
from toolkit.faults.configs import set_key
from toolkit.faults.facts import WEIGHTS, Facts
from toolkit.faults.fault import Break, Fault, in_turn
from toolkit.faults.single_tensors import broken, changed, seed_of


def output_faults(facts: Facts) -> Iterator[Fault]:
    """Faults of every layer of outputs that the folder has."""
    for output in facts.breakable.outputs:
        if output.embedding is None:
            yield from _symbol_faults(facts, output)
        elif output.embedding in facts.shapes:
            yield from _tie_faults(facts, output, output.embedding)


def with_key(fault: Fault, key: str, value: Value) -> Fault:
    """The fault together with the key of `config.json` that makes the model believe it."""
    truth = replace(fault.truth, config_keys=frozenset({key}), files=frozenset({WEIGHTS, CONFIG}))
    both = (fault.break_folder, partial(set_key, file=CONFIG, path=key, value=value))
    return replace(fault, truth=truth, break_folder=partial(in_turn, breaks=both))


def _symbol_faults(facts: Facts, output: Output) -> Iterator[Fault]:
    """Symbols in each other's place, in weight and bias alike, and a bias that was forgotten."""
    names = [f"{output.module}.{ending}" for ending in ("weight", "bias")]
    present = [name for name in names if name in facts.shapes]
    swap = partial(weights.swap_rows, rows=(0, 1))
    shuffle = partial(weights.shuffle_rows, seed=seed_of(output.module))
    for kind, change in (("first_symbols_swapped", swap), ("symbols_shuffled", shuffle)):
        changes = dict.fromkeys(present, change)
        yield changed(facts, kind, changes, "rows_permuted", where=output.module)
    if len(present) > 1:
        zero = partial(weights.fill_values, value=0.0)
        yield changed(facts, "bias_forgotten", {names[1]: zero}, "zeroed")


def _tie_faults(facts: Facts, output: Output, embedding: str) -> Iterator[Fault]:
    """The output layer untied from, or tied to, the embedding against the checkpoint."""
    name = f"{output.module}.weight"
    if output.tie is not None and facts.value(output.tie):
        seed = seed_of(name)
        for label, change in (
            ("fresh", partial(weights.fresh_values, seed=seed)),
            ("shifted", partial(weights.shift_rows, by=1)),
            ("scaled", partial(weights.scale_values, factor=1.01)),
            ("nudged", partial(weights.nudge_element, seed=seed)),
        ):
            add = partial(weights.add_tensor, name=name, model=embedding, change=change)
            yield _tie_fault(facts, f"output_added:{name}-{label}", name, add)
            untied = _tie_fault(facts, f"output_untied:{name}-{label}", name, add)
            yield with_key(untied, output.tie, value=False)
    elif output.tie is not None and name in facts.shapes:
        remove = partial(weights.remove_tensors, names=(name,))
        fault = _tie_fault(facts, f"output_tied:{name}-removed", name, remove)
        fault = with_key(fault, output.tie, value=True)
        truth = replace(fault.truth, hypotheses=frozenset({"tie_invented"}))
        yield replace(fault, truth=truth)


def _tie_fault(facts: Facts, label: str, name: str, break_folder: Break) -> Fault:
    return broken(facts, label, [name], ["tie_broken"], break_folder)
