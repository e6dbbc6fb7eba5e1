"""Infers which tensors of a fork are which of the family that it was made of."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.blocks.known_tensors import CONVERTED
from toolkit.checkpoint import Checkpoint, open_checkpoint
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS
from toolkit.checkpoint.wrappers import unwrap
from toolkit.core.artifact import Artifact
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput, BrokenRule
from toolkit.core.inferred import Inference, InferredRow, Undecided
from toolkit.core.lazy import LazyTensors
from toolkit.core.origin import spelled
from toolkit.core.progress import silent
from toolkit.families.blank import Blank, blank_of
from toolkit.folder.staged_file import staged_file
from toolkit.inference import Ambiguity, Match, Proposal, propose
from toolkit.mapping.makes import Held, Inferred, seal
from toolkit.mapping.writing import Left, Written, render, rows_of
from toolkit.pipeline.bench import Bench
from toolkit.pipeline.blank_model import Builder, building
from toolkit.pipeline.deciding import Decided, decide
from toolkit.pipeline.likening import Like, likes_of
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.reproduce import command_line
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.convert import Convert
from toolkit.session.requests.infer import Infer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from toolkit.oracle.asking import AnyModel
    from toolkit.oracle.whole import Heard

SAID = 5
"""Tokens that decoders are given."""
FILE = "mapping.yaml"
"""What a file is called that nobody asked for."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A mapping, and what it was held against."""

    rows: tuple[Match, ...]
    ambiguous: tuple[Ambiguity, ...]
    held: Held
    because: str


@keywords_of(Infer)
def infer(request: Infer) -> Inference:
    """Writes a mapping file for a fork, with the evidence of each row.

    The file appears whole or not at all, and only if a conversion takes it.

    Raises:
        BadInput: a file or folder cannot be used, fairseq is not installed, or the checkpoint is no
            fork of such a model.
    """
    if request.write is None:
        with tempfile.TemporaryDirectory(prefix="toolkit-infer-") as folder:
            return _infer(request, Path(folder) / FILE)
    with staged_file(request.write) as staged:
        inference = _infer(request, staged.path)
        staged.publish()
    return inference


def _infer(request: Infer, place: Path) -> Inference:
    """Writes the file and tries it."""
    report = request.progress or silent
    report("reading the checkpoint", 0, 4)
    checkpoint, inputs = _opened(request.checkpoint), request.part(Inputs)
    with building(checkpoint.path, request.user_dir) as builder:
        report("building the family's model", 1, 4)
        like, proposal, found = _found(request, checkpoint, inputs, builder)
    text, inference = _written(request, found, proposal, like, checkpoint)
    place.write_text(text, encoding="utf-8")
    report("trying the file", 3, 4)
    _expect_taken(replace(inputs, mapping=place), proposal)
    report("done", 4, 4)
    return inference


def _opened(path: Path) -> Checkpoint:
    return unwrap(open_checkpoint(path, converted=CONVERTED)).in_one_dtype()


def _found(
    request: Infer, checkpoint: Checkpoint, inputs: Inputs, builder: Builder
) -> tuple[Like, Proposal, Found]:
    """What is found in the way of the first family that it can be held against, or of the first."""
    report = request.progress or silent
    tried = []
    for like in likes_of(request.like, checkpoint, inputs, builder):
        report("comparing tensors", 2, 4)
        proposal = _proposed(checkpoint, like)
        found = _held(request, proposal, like, checkpoint, inputs, builder)
        tried.append((like, proposal, found))
        if found.held != "nothing":
            return tried[-1]
    return tried[0]


def _proposed(checkpoint: Checkpoint, like: Like) -> Proposal:
    """What names, shapes and values say."""
    source = LazyTensors({name: partial(checkpoint.mapped, name) for name in checkpoint.tensors})
    return propose(source, like.tensors, shares_values=like.knows_values)


# What it is held against


def _held(
    request: Infer,
    proposal: Proposal,
    like: Like,
    checkpoint: Checkpoint,
    inputs: Inputs,
    builder: Builder,
) -> Found:
    """The proposal, with what independent evidence says of it."""
    if request.user_dir is not None:
        return _by_code(proposal, like, checkpoint, inputs, builder)
    ambiguous = _that_matter(proposal.ambiguous, like)
    if like.knows_values:
        return _by_weights(request.like, proposal, ambiguous, like, checkpoint)
    because = (
        "names, shapes and what values look like say so, and nothing that knows which is which"
    )
    return Found(rows=proposal.rows, ambiguous=ambiguous, held="nothing", because=because)


def _by_weights(
    folder: str,
    proposal: Proposal,
    ambiguous: tuple[Ambiguity, ...],
    like: Like,
    checkpoint: Checkpoint,
) -> Found:
    told = {t for row in proposal.rows if row.by_value for t in row.recipe.targets}
    asked = {name for name, tensor in like.tensors.items() if not tensor.is_meta}
    untold = asked - told - set(_filled(proposal, like, checkpoint))
    because = f"every tensor of {folder} is made of tensors of the checkpoint, bit for bit"
    if untold:
        because = (
            f"{len(untold)} of {len(asked)} tensors of {folder} hold other values than the "
            f"checkpoint, {min(untold)} among them"
        )
    held: Held = "nothing" if untold or ambiguous else "weights"
    return Found(rows=proposal.rows, ambiguous=ambiguous, held=held, because=because)


def _filled(proposal: Proposal, like: Like, checkpoint: Checkpoint) -> Iterator[str]:
    """What a folder has of one value, and the checkpoint nothing for: a conversion fills it."""
    left = {checkpoint.tensors[name].shape for name in proposal.unmatched_sources}
    for name in proposal.unmatched_targets:
        tensor = like.tensors[name]
        if not tensor.is_meta and tuple(tensor.shape) not in left and _is_one_value(tensor):
            yield name


def _is_one_value(tensor: Tensor) -> bool:
    return tensor.numel() > 0 and bool((tensor == tensor.flatten()[0]).all())


def _by_code(
    proposal: Proposal, like: Like, checkpoint: Checkpoint, inputs: Inputs, builder: Builder
) -> Found:
    bench = _bench(like, checkpoint, inputs, builder)
    decided = decide(proposal, bench)
    if not decided.agrees:
        raise BadInput(_disagreement(checkpoint, like, decided))
    ambiguous = _that_matter(decided.ambiguous, like)
    because = (
        "the fork's own code gives the same as fairseq's model with these tensors (largest "
        f"difference {decided.error:.0e} of the largest value, in float64)"
    )
    held: Held = "nothing" if ambiguous else "code"
    return Found(rows=decided.rows, ambiguous=ambiguous, held=held, because=because)


def _bench(like: Like, checkpoint: Checkpoint, inputs: Inputs, builder: Builder) -> Bench:
    """Both models, the fork's having been heard."""
    from toolkit.oracle.whole import hear

    blank = blank_of(like.family, checkpoint, inputs.named, inputs.options)
    fork = builder.fork(blank, checkpoint.state_dict())
    source = _drawn(blank)
    start, first = like.model.start_token, len(SPECIAL_SYMBOLS)
    tokens = () if start is None else (start, *range(first, first + SAID))

    def ask(model: nn.Module, until: str | None) -> Heard:
        return hear(blank.task, model, source, tokens, until)

    return Bench(
        model=_asked(like.model), ask=ask, load=checkpoint.mapped, fork=ask(_asked(fork), None)
    )


def _drawn(blank: Blank) -> Tensor:
    """What both models are asked about: noise, or symbols of a text."""
    import torch

    generator = torch.Generator().manual_seed(0)
    if blank.symbols:
        return torch.randint(len(SPECIAL_SYMBOLS), blank.symbols, blank.hears, generator=generator)
    return torch.randn(blank.hears, generator=generator)


def _asked(reference: AnyModel) -> nn.Module:
    """What of a model is asked as a whole: an encoder may stand in what was taken off."""
    model: nn.Module = getattr(reference, "encoder", reference.model)
    return model


def _disagreement(checkpoint: Checkpoint, like: Like, decided: Decided) -> str:
    open_rows = "; ".join(map(str, decided.ambiguous)) or "none"
    return (
        f"`{checkpoint.path}` must compute what a model of `{like.family.name}` computes, but the "
        "fork's own code gives something else than fairseq's with every arrangement that was "
        f"tried (difference {decided.error:.0e} of the largest value). It is another network, or "
        f"its tensors were changed in a way that nothing here undoes. Left open: {open_rows}."
    )


def _that_matter(ambiguous: Iterable[Ambiguity], like: Like) -> tuple[Ambiguity, ...]:
    """Without those whose tensors a conversion drops."""
    return tuple(
        one
        for one in ambiguous
        if not one.parts or not {name for part in one.parts for name in part} <= like.idle
    )


# What is written


def _written(
    request: Infer, found: Found, proposal: Proposal, like: Like, checkpoint: Checkpoint
) -> tuple[str, Inference]:
    """The file's text, and what is said of it."""
    left = tuple(Left(source=n, because=_why_left(found)) for n in proposal.unmatched_sources)
    rows = rows_of(((row.recipe, row.evidence) for row in found.rows), checkpoint.tensors)
    inferred = Inferred(
        held=found.held,
        because=found.because,
        checkpoint=checkpoint.sha256(),
        rows=seal((row.make for row in rows), (), like.architecture),
    )
    remarks = tuple(_remarks(request, found, proposal))
    text = render(rows, left, like.architecture, inferred, remarks)
    inference = Inference(
        source=Artifact(path=spelled(request.checkpoint), sha256=checkpoint.sha256()),
        like=request.like,
        family=like.family.name,
        written=None if request.write is None else str(request.write),
        held=found.held,
        because=found.because,
        rows=tuple(map(_row, rows)),
        ambiguous=tuple(
            Undecided(targets=one.targets, candidates=one.sources, because=one.because)
            for one in found.ambiguous
        ),
        dropped=tuple(Reason(name=one.source, because=one.because) for one in left),
        lacking=proposal.unmatched_targets,
        next=_next(request),
    )
    return text, inference


def _why_left(found: Found) -> str:
    if found.held == "nothing":
        return "no tensor of the family's model is like it, which nobody has checked"
    return f"no tensor of the family's model is like it, and {found.because}"


def _remarks(request: Infer, found: Found, proposal: Proposal) -> Iterator[str]:
    yield f"Inferred by toolkit infer {request.checkpoint.name} --like {request.like}."
    yield f"Held against: {found.held}. {found.because}."
    for one in found.ambiguous:
        yield f"AMBIGUOUS: {one}"
    for name in proposal.unmatched_targets:
        yield f"LACKING: nothing of the checkpoint is {name}"


def _row(row: Written) -> InferredRow:
    make = row.make
    return InferredRow(
        sources=make.sources,
        targets=make.targets,
        axes=make.axes,
        order=make.order,
        evidence=row.evidence,
    )


def _next(request: Infer) -> str:
    mapping = request.write or Path(FILE)
    return command_line(request.part(Convert, out=Path("out"), mapping=mapping))


def _expect_taken(inputs: Inputs, proposal: Proposal) -> None:
    """Makes sure that a conversion takes the file.

    Raises:
        BadInput: it does not.
    """
    try:
        prepare(inputs)
    except (BadInput, BrokenRule) as error:
        lacking, extra = (
            f"{len(names)} ({', '.join(names[:5])})" if names else "none"
            for names in (proposal.unmatched_targets, proposal.unmatched_sources)
        )
        raise BadInput(
            f"`{inputs.checkpoint}` must become a model of the family with the rows that were "
            f"found, but does not: {str(error).splitlines()[0]} Tensors of the family that nothing "
            f"answers to: {lacking}; of the checkpoint: {extra}. Name another family with `--like`."
        ) from error
