"""Words for causes: one short sentence whatever the number of tensors, and a fix to act on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from toolkit.checkpoint.sets import language_set, maybe_language, without_language
from toolkit.core.findings import Hypothesis
from toolkit.diagnosis.grouping import Cause, divergence, fused_with
from toolkit.replay.pairs import owner

EXAMPLES = 2
"""Tensors that a sentence or a fix spells out; the finding lists the others."""

_LAYER = re.compile(
    r"(?:(?:.*\.)?(\w+)\.)?(\w+(?=s\.)|layer(?=\.)|block(?=\.))s?\.(\d+)(?:\.(.+))?"
)


def describe_place(path: str) -> str:
    """A place of the model in words: `q_proj of encoder layer 1`."""
    if maybe_language(path) is not None:
        return f"{describe_place(without_language(path))} in `{language_set(path)}`"
    found = _LAYER.fullmatch(path)
    if not found:
        return f"`{path}`" if path else "the model"
    stack, layer, number, inner = found.groups()
    place = f"{f'{stack} ' if stack else ''}{layer.replace('_', ' ')} {number}"
    # An encoder layer has one attention only.
    inside = (inner or "").removeprefix("attention.").removesuffix("attention").rstrip(".")
    return f"{inside} of {place}" if inside else place


def summarize(cause: Cause, names: Sequence[str], stored: str | None) -> str:
    """What is wrong, in one sentence.

    Args:
        cause: The cause.
        names: All tensors of the model.
        stored: The dtype in which the file holds the tensors, where that is the mistake.
    """
    if stored is not None:
        wrong = describe_tensors(cause.names, names)
        return f"the folder is saved in {stored}: {wrong} went through it"
    if cause.kind == "moved":
        return _say_moved(cause)
    verb = _say(cause.hypothesis)
    if cause.hypothesis.detail.get("missing") and maybe_language(cause.names[0]) is not None:
        verb = "is missing from the folder; transformers cannot speak the language"
    if len(cause.names) > 1:
        verb = re.sub(r"^(hold|differ|i)s\b", lambda m: "are" if m[1] == "i" else m[1], verb)
        verb = verb.replace("its values", "their values").replace("its source", "their source")
    return f"{describe_tensors(cause.names, names)} {verb}"


def advise(
    cause: Cause, sources: Mapping[str, str], stored: str | None, how: str = "unchanged"
) -> str:
    """What to change.

    Args:
        cause: The cause.
        sources: The checkpoint's tensor of each target tensor that has one.
        stored: The dtype in which the file holds the tensors, where that is the mistake.
        how: What is done to them on the way.
    """
    if stored is not None:
        return f"verify with `--dtype {stored}`, or save the folder again in float32"
    written = [name for name in _exemplary(cause) if name in sources]
    if not written:
        return f"write `{cause.names[0]}` as the mapping fills it"
    if len(cause.names) == 1:
        home = cause.hypothesis.detail.get("with")
        belongs = f"; what stands there belongs to `{home}`" if home else ""
        return f"write `{sources[written[0]]}` to `{written[0]}` {how}{belongs}"
    lines = [f"`{sources[name]}` -> `{name}`" for name in written[:EXAMPLES]]
    more = len(cause.names) - len(lines)
    rest = [f"and {more} more in the same way"] if more > 0 else []
    return "\n".join([f"map each tensor to its own place, {how}:", *lines, *rest])


def _exemplary(cause: Cause) -> list[str]:
    """The tensors of a cause; those that hold each other's values come first."""
    homes = [str(h.detail.get("with")) for h in cause.hypotheses.values()]
    first = [cause.names[0], *(home for home in homes[:1] if home in cause.names)]
    return list(dict.fromkeys([*first, *cause.names]))


def describe_tensors(wrong: Sequence[str], names: Sequence[str]) -> str:
    """Some tensors in words, of all that a model has."""
    if len(wrong) == 1:
        return f"`{wrong[0]}`"
    modules = dict.fromkeys(map(owner, wrong))
    place = _common(wrong)
    whole = len(wrong) == sum(name.startswith(f"{place}.") for name in names)
    if whole and len(modules) > 1:
        return f"all {len(wrong)} tensors of {describe_place(place)}"
    if len(modules) == 1:
        leaves = [name.removeprefix(f"{owner(wrong[0])}.") for name in wrong]
        return f"{' and '.join(leaves)} of `{owner(wrong[0])}`"
    return f"{len(wrong)} tensors of {len(modules)} modules in {describe_place(place)}"


def _common(names: Iterable[str]) -> str:
    """The path of the smallest module around all of them."""
    columns = zip(*(owner(name).split(".") for name in names), strict=False)
    path = []
    for column in columns:
        if len(set(column)) > 1:
            break
        path.append(column[0])
    return ".".join(path)


def _say_moved(cause: Cause) -> str:
    homes = {n: str(h.detail["with"]) for n, h in cause.hypotheses.items() if "with" in h.detail}
    places = list(dict.fromkeys(p for n, home in homes.items() for p in divergence(n, home)))
    exchanged = all(homes.get(home) == name for name, home in homes.items())
    if exchanged and len(places) == 2:
        tails = {n.removeprefix(p) for n in homes for p in places if n.startswith(f"{p}.")}
        return f"{_pair(sorted(places, key=_natural), sorted(tails))} are exchanged"
    name, home = next(iter(homes.items()))
    if len(homes) == 1:
        how = _say_change(cause.hypotheses[name])
        return f"`{name}` holds the values of `{home}`{how}"
    moves = list(dict.fromkeys(_move(n, home, homes) for n, home in homes.items()))
    told = "; ".join(f"{describe_place(a)} holds {describe_place(b)}" for a, b in moves[:EXAMPLES])
    rest = f", and {len(moves) - EXAMPLES} more such places" if len(moves) > EXAMPLES else ""
    return f"{len(cause.names)} tensors hold the values of others: {told}{rest}"


def _move(name: str, home: str, homes: Mapping[str, str]) -> tuple[str, str]:
    """The places of a move; between languages the module, where only one moved."""
    modules = {owner(without_language(moved)) for moved in homes}
    between = without_language(name) == without_language(home)
    return (owner(name), owner(home)) if between and len(modules) == 1 else divergence(name, home)


def _natural(place: str) -> tuple[str, int, str]:
    parent, _, leaf = place.rpartition(".")
    names = fused_with(place)
    order = names.index(leaf) if names else int(leaf) if leaf.isdigit() else 0
    return parent, order, leaf


def _pair(places: Sequence[str], tails: Sequence[str]) -> str:
    """Two places and, where they are told by it, the tensor in them that moved."""
    left, right = places
    parent, _, mine = left.rpartition(".")
    theirs = right.removeprefix(f"{parent}.")
    tail = tails[0] if len(tails) == 1 else ""
    if mine.isdigit() and theirs.isdigit():
        both = f"{describe_place(left)} and {theirs}"
        layers = both.replace("layer ", "layers ", 1)
        return f"{tail.lstrip('.')} of {layers}" if tail else f"{_many(tails)}{layers}"
    if right == theirs:
        return f"`{left}{tail}` and `{right}{tail}`"
    return f"{mine}{tail} and {theirs}{tail} of {describe_place(parent)}"


def _many(tails: Sequence[str]) -> str:
    """Some tensors of layers, unless it is the whole of them."""
    modules = {tail.strip(".").partition(".")[0] for tail in tails}
    return "" if len(modules) > EXAMPLES else f"{' and '.join(sorted(modules))} of "


def _say_change(hypothesis: Hypothesis) -> str:
    detail = hypothesis.detail
    precision = detail.get("precision")
    changes = {
        "transposed": bool(detail.get("transposed")),
        "its rows in another order": bool(detail.get("rows_permuted")),
        f"through {precision}": bool(precision),
    }
    return "".join(f", {change}" for change, is_so in changes.items() if is_so)


def _say(hypothesis: Hypothesis) -> str:
    detail = hypothesis.detail
    heads = detail.get("layout") or f"heads in the order {detail.get('heads')}"
    layout = detail.get("layout", "was cut in another way")
    filled = "is missing from the folder; transformers fills it at random"
    language = detail.get("language")
    sentences = {
        "zeroed": "holds zeros",
        "sign_flipped": "holds its values with the sign flipped",
        "transposed": "holds its values transposed",
        "kernel_flipped": "holds its values with the kernel flipped, the last tap first",
        "precision_lost": f"went through {detail.get('dtype')}",
        "scaled": f"holds its values times {detail.get('factor')}",
        "heads_permuted": f"holds its values with {heads:.120}",
        "fused_split": f"holds rows of query, key and value: what is one of all three {layout}",
        "rows_permuted": f"holds {detail.get('moved')} of its rows in other places",
        "rows_shifted": f"holds its rows shifted by {detail.get('by')}",
        "partly_copied": f"holds only {detail.get('equal_share', 0):.0%} of its values",
        "not_filled": filled if detail.get("missing") else "holds nothing of its source",
        "unspoken": f"holds what the checkpoint has beside its languages, nothing of `{language}`",
        "wrong_value": f"differs in {_elements(detail.get('elements'))}",
    }
    return sentences.get(hypothesis.name, hypothesis.name)


def _elements(count: int | None) -> str:
    if count is None:
        return "shape or in most of its values"
    return f"{count} elements" if count > 1 else "one element"
