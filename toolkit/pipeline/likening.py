"""What a fork is held against: a family's own model, or a folder of the same weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from toolkit.checkpoint import Checkpoint
from toolkit.core.errors import BadInput, BrokenRule
from toolkit.core.lazy import LazyTensors
from toolkit.core.spec import TensorSpec
from toolkit.families import Family, families
from toolkit.families.blank import Blank, as_member, blank_of
from toolkit.folder.admission import check_folder
from toolkit.folder.skeleton import target_specs
from toolkit.mapping import Plan
from toolkit.mapping.inverse import invert_plan
from toolkit.mapping.problems import suggest
from toolkit.pipeline.blank_model import Builder
from toolkit.pipeline.prepare import Inputs, plan_of
from toolkit.pipeline.returning import held_in
from toolkit.pipeline.verification import expecting

if TYPE_CHECKING:
    from torch import Tensor, nn

    from toolkit.oracle.asking import AnyModel

GAIN = "weight_g"
"""What a weight norm calls its gain."""


@dataclass(frozen=True, kw_only=True)
class Like:
    """A model under fairseq's own names."""

    family: Family
    architecture: str | None
    """What fairseq calls it, where the checkpoint says something else."""
    blank: Blank
    model: AnyModel
    """fairseq's, without the checkpoint's weights."""
    tensors: Mapping[str, Tensor] = field(repr=False)
    """By fairseq's names; on the device `meta` where only the shape is known."""
    knows_values: bool
    """Whether they are those that the checkpoint should hold."""
    idle: frozenset[str]
    """Tensors that a conversion drops, be they which they may."""


def likes_of(
    named: str, checkpoint: Checkpoint, inputs: Inputs, builder: Builder
) -> Iterator[Like]:
    """What the user names; of a folder, as the model of each family whose classes hold it.

    Args:
        named: A family's name, or a folder.
        checkpoint: The fork's.
        inputs: The files beside it.
        builder: Builds fairseq's models.

    Raises:
        BadInput: it is neither, or no model of the checkpoint's arguments is like it.
    """
    known = {family.name: family for family in families()}
    if named in known:
        yield _of_family(known[named], checkpoint, inputs, builder)
        return
    if not Path(named).is_dir():
        raise BadInput(
            f"`--like {named}` must be a family or a Hugging Face folder, but is neither "
            f"({suggest(named, known)}). Choose one of the families, or a folder."
        )
    check_folder(Path(named))
    yield from _of_folder(Path(named), checkpoint, inputs, builder)


def _of_family(family: Family, checkpoint: Checkpoint, inputs: Inputs, builder: Builder) -> Like:
    member, architecture = as_member(checkpoint, family)
    blank = blank_of(family, member, inputs.named, inputs.options)
    model = builder.family(blank)
    _take_off_norms(model.model, checkpoint)
    tensors = dict(model.model.state_dict())
    try:
        plan = _plan(family, _with_tensors(member, tensors), inputs)
        idle = frozenset(reason.name for reason in plan.dropped)
    except (BadInput, BrokenRule):
        idle = frozenset()  # a conversion will say why, once the tensors have their names
    return Like(
        family=family,
        architecture=architecture,
        blank=blank,
        model=model,
        tensors=tensors,
        knows_values=False,
        idle=idle,
    )


def _take_off_norms(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Takes weight norms off whose gain the checkpoint has nothing like: theirs were taken off."""
    from torch.nn.utils import remove_weight_norm

    shapes = {spec.shape for spec in checkpoint.tensors.values()}
    for name, tensor in list(model.state_dict().items()):
        module, _, parameter = name.rpartition(".")
        if parameter == GAIN and tuple(tensor.shape) not in shapes:
            remove_weight_norm(model.get_submodule(module))


def _of_folder(
    folder: Path, checkpoint: Checkpoint, inputs: Inputs, builder: Builder
) -> Iterator[Like]:
    refused = {}
    known = sorted(families(), key=lambda one: as_member(checkpoint, one)[1] is not None)
    for family in known:
        try:
            like = _of_family(family, checkpoint, inputs, builder)
            like = _with_values(like, checkpoint, folder, inputs)
        except (BadInput, BrokenRule, KeyError) as error:
            # A family knows nothing of the classes of another one's folder.
            refused[family.name] = (str(error).splitlines() or ["another model"])[0]
        else:
            yield like
    if len(refused) < len(known):
        return
    said = "; ".join(f"`{name}`: {why}" for name, why in refused.items())
    raise BadInput(
        f"`{folder}` must hold the model of `{checkpoint.path}` in the classes of a family, but of "
        f"{len(refused)} families none fits. Name the family with `--like`, which then says why: "
        f"{said}"
    )


def _with_values(like: Like, checkpoint: Checkpoint, folder: Path, inputs: Inputs) -> Like:
    """The same with the values that a folder holds.

    Raises:
        BadInput: the folder holds another model.
    """
    member, _ = as_member(checkpoint, like.family)
    specs = _with_tensors(member, like.tensors)
    expected = expecting(inputs, folder)
    plan = _plan(like.family, specs, expected)
    _expect_class(like.family, specs, expected)
    held = held_in(folder, plan)
    held.expect(plan.targets, f"`{like.family.name}`")
    inverse = invert_plan(plan)
    recovered = {
        name: inverse.recovered.get(inverse.twins.get(name, name)) for name in like.tensors
    }
    loaders = {
        name: partial(like.tensors[name].to, "meta")
        if recovery is None
        else partial(recovery.recover, held.tensors.__getitem__)
        for name, recovery in recovered.items()
    }
    return replace(like, tensors=LazyTensors(loaders), knows_values=True)


def _expect_class(family: Family, checkpoint: Checkpoint, expected: Inputs) -> None:
    """Refuses a folder in other classes than a conversion would choose.

    Raises:
        BadInput: it is in others.
    """
    inputs = replace(expected, form=None)
    network = family.network(checkpoint, inputs.options)
    sidecars = family.sidecars(checkpoint, inputs.named)
    task = family.task(checkpoint, sidecars, network, inputs.options)
    made = tuple(map(str, task.contents.config["architectures"]))
    if expected.form is not None and made != expected.form.architectures:
        raise BadInput(f"its model is {made}, the folder's {expected.form.architectures}")


def _plan(family: Family, checkpoint: Checkpoint, inputs: Inputs) -> Plan:
    """What a conversion would make of tensors of these names and shapes."""
    network = family.network(checkpoint, inputs.options)
    unfit = [reason.because for reason in network.refusals]
    unfit += [misfit.because for misfit in network.misfits]
    if unfit:
        raise BadInput("; ".join(unfit))
    sidecars = family.sidecars(checkpoint, inputs.named)
    task = family.task(checkpoint, sidecars, network, inputs.options)
    targets = target_specs(task.contents.config)
    return plan_of(network, network.table, checkpoint, targets)


def _with_tensors(checkpoint: Checkpoint, tensors: Mapping[str, Tensor]) -> Checkpoint:
    """The checkpoint as if it held these tensors, of which it has no values."""
    specs = {
        name: TensorSpec(
            name=name,
            dtype=str(tensor.dtype).removeprefix("torch."),
            shape=tuple(tensor.shape),
        )
        for name, tensor in tensors.items()
    }
    return replace(checkpoint, tensors=MappingProxyType(specs))
