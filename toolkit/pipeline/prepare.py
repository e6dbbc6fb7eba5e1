"""Everything that a command needs to know before it touches a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.blocks.arguments import called
from toolkit.blocks.known_tensors import CONVERTED, maybe_known_specs
from toolkit.blocks.tree import by_part
from toolkit.checkpoint import Checkpoint, open_checkpoint
from toolkit.checkpoint.finite import expect_finite
from toolkit.checkpoint.formats import left_out
from toolkit.checkpoint.wrappers import unwrap
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput, BrokenRule
from toolkit.core.json import JsonObject
from toolkit.core.spec import TensorSpec
from toolkit.examples.medium import TEXT
from toolkit.families import Derived, Family, Form, Network, Options, Task, find_family
from toolkit.families.adapters import tell_languages
from toolkit.families.sidecars import Named, Sidecars
from toolkit.families.vocoders import loads_without_norms
from toolkit.folder.contents import FolderContents
from toolkit.folder.skeleton import target_specs
from toolkit.mapping import Plan, Table, fit_plan, make_plan
from toolkit.session.groups import Companions, Material, OfCheckpoint
from toolkit.session.options import items_of
from toolkit.tasks.base import TaskKind

if TYPE_CHECKING:
    from toolkit.mapping.file import MappingFile

FindTargets = Callable[[JsonObject], dict[str, TensorSpec]]


@dataclass(frozen=True, kw_only=True)
class Inputs(Material, OfCheckpoint):
    """What the user named of a checkpoint, and what was found out about it since."""

    chosen: Mapping[str, Derived] = field(default_factory=dict)
    """Values that were held against a recording; see `toolkit.pipeline.choosing`."""
    folder_tags: tuple[int | str, ...] = ()
    """What texts of the folder on trial begin with; see `toolkit.families.base.Options`."""
    folder_language: str | None = None
    """What the model of the folder on trial speaks before it is told to, of several languages."""
    form: Form | None = None
    """The classes of the folder on trial; None where a conversion chooses them."""
    tries: bool = False
    """Whether values that are left open will be tried; see `toolkit.families.base.Options`."""

    @property
    def named(self) -> Named:
        """The companions that the user names."""
        return Named(config_yaml=self.config_yaml, dictionary=self.dict, pieces=self.spm)

    @property
    def named_files(self) -> tuple[Path, ...]:
        """All files that the user names beside the checkpoint."""
        values = (getattr(self, item.name) for item in items_of(Companions))
        return tuple(value for value in values if value is not None)

    @property
    def options(self) -> Options:
        """What the family asks of the user's choices."""
        return Options(
            source_lang=self.source_lang,
            target_lang=self.target_lang,
            exact_padding=self.exact_padding,
            padding_reference=self.padding_reference,
            overrides={
                "encoder": self.encoder_config or {},
                "decoder": self.decoder_config or {},
            },
            w2v=self.w2v,
            folder_tags=self.folder_tags,
            form=self.form,
            chosen=self.chosen,
            tries=self.tries,
        )


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A checkpoint understood: what it is, and what must become of it."""

    checkpoint: Checkpoint
    family: Family
    sidecars: Sidecars
    network: Network
    task: Task
    plan: Plan
    """What a conversion writes."""
    proof: Plan
    """What a proof expects: the family's own plan, so that a wrong row of the user's mapping shows;
    the written one where the family alone does not cover the checkpoint."""
    mapping: MappingFile | None
    named_files: tuple[Path, ...] = ()
    """The companions that the user named."""

    @property
    def assumptions(self) -> tuple[Reason, ...]:
        """What the checkpoint does not say, or says in two ways, and what was taken for it."""
        return (*self.task.assumptions, *left_out(self.checkpoint, self.network.formats))


def prepare(
    inputs: Inputs,
    find_targets: FindTargets = target_specs,
    opened: Callable[[Checkpoint], object] | None = None,
    spoil: Callable[[Checkpoint], Checkpoint] | None = None,
) -> Prepared:
    """Reads the checkpoint and its companions, and plans every tensor.

    Args:
        inputs: What the user named.
        find_targets: Says which tensors a model has, from the content of its `config.json`.
        opened: Gets the checkpoint before anything else is done with it.
        spoil: Gives another one to work with in its place.

    Raises:
        BadInput: a file is missing or unfit, a value is unknown, or no exact conversion
            exists, or a tensor holds NaN or infinities.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    mapping = maybe_read_rows(inputs)
    opened_as = open_mapped(inputs, mapping)
    dtype = inputs.dtype
    checkpoint = opened_as.as_dtype(dtype) if dtype else opened_as.in_one_dtype()
    if opened is not None:
        opened(checkpoint)
    if spoil is not None:
        checkpoint = spoil(checkpoint)
    family = find_family(checkpoint)
    network = family.network(checkpoint, inputs.options)
    _refuse(inputs.checkpoint, network.refusals)
    _require(network.unknown)
    sidecars = family.sidecars(checkpoint, inputs.named)
    task = family.task(checkpoint, sidecars, network, inputs.options)
    _refuse_languages(inputs, task.kind)
    _expect_known(task.contents.config, inputs.options.overrides, network)
    targets = with_languages(find_targets(task.contents.config), task.contents)
    plan = plan_of(network, table_with(network, mapping), checkpoint, targets)
    dropped = {reason.name for reason in plan.dropped}
    expect_finite(checkpoint, (name for name in checkpoint.tensors if name not in dropped))
    return Prepared(
        checkpoint=checkpoint,
        family=family,
        sidecars=sidecars,
        network=network,
        task=task,
        plan=plan,
        proof=plan if mapping is None else _proof(network, checkpoint, targets, plan),
        mapping=mapping,
        named_files=inputs.named_files,
    )


def _refuse_languages(inputs: Inputs, kind: TaskKind) -> None:
    """Refuses languages of texts that a model neither reads nor writes."""
    for option, language, fits, has in (
        ("--source-lang", inputs.source_lang, kind.medium is TEXT, "reads no texts"),
        ("--target-lang", inputs.target_lang, "vocabulary" in kind.level_names, "writes no texts"),
    ):
        if language is not None and not fits:
            raise BadInput(
                f"`{option} {language}` must choose a language of texts, but `{inputs.checkpoint}` "
                f"{has}. Leave the option out."
            )


def maybe_read_rows(inputs: Inputs) -> MappingFile | None:
    """The user's own rows and renames; None where there are none.

    Raises:
        BadInput: the file that the user names is none.
    """
    if inputs.mapping is None:
        return None
    from toolkit.mapping.file import read_mapping

    return read_mapping(inputs.mapping)


def table_with(network: Network, mapping: MappingFile | None) -> Table:
    """The rows of a network, with the user's own in their place or beside them."""
    if mapping is None:
        return network.table
    from toolkit.mapping.file import extend_table

    return extend_table(network.table, mapping)


def known_or_asked(config: JsonObject) -> dict[str, TensorSpec]:
    """The tensors of a model without building it, where its class is known; else by building it."""
    return maybe_known_specs(config) or target_specs(config)


def with_languages(
    targets: Mapping[str, TensorSpec], contents: FolderContents
) -> dict[str, TensorSpec]:
    """The tensors of a model, and those of every language with weights of its own."""
    spoken = contents.spoken
    return {**targets, **({} if spoken is None else dict(spoken.targets(targets)))}


def open_mapped(inputs: Inputs, mapping: MappingFile | None) -> Checkpoint:
    """The checkpoint, its tensors under the names of the model, or those of a mapping file.

    One with sets of tensors for languages speaks one of them.

    Args:
        inputs: The file, and the language where the user or the folder on trial says which.
        mapping: The user's, if any.

    Raises:
        BadInput: the file is no checkpoint, or the renames do not fit it.
    """
    checkpoint = open_checkpoint(inputs.checkpoint, converted=CONVERTED)
    renames = () if mapping is None else mapping.renames
    if not any(rename.fits(checkpoint.tensors) for rename in renames):
        checkpoint = unwrap(checkpoint)
    if renames:
        from toolkit.checkpoint.renamed import rename_tensors

        checkpoint = rename_tensors(checkpoint, renames)
    if mapping is not None:
        checkpoint = _made(checkpoint, mapping)
    if loads_without_norms(checkpoint):
        from toolkit.checkpoint.fused import take_off_weight_norms

        checkpoint = take_off_weight_norms(checkpoint)
    return tell_languages(checkpoint, inputs.target_lang, inputs.folder_language)


def _made(checkpoint: Checkpoint, mapping: MappingFile) -> Checkpoint:
    """The checkpoint with what the file makes of its tensors, and of its architecture."""
    if mapping.makes:
        from toolkit.checkpoint.remade import remake_tensors

        checkpoint = remake_tensors(checkpoint, mapping.recipes(checkpoint.tensors))
    if mapping.architecture is None:
        return checkpoint
    return replace(checkpoint, settings=called(checkpoint.settings, mapping.architecture))


def plan_of(
    network: Network, table: Table, checkpoint: Checkpoint, targets: Mapping[str, TensorSpec]
) -> Plan:
    """What the rows make of all tensors, or of those that the folder's classes can express."""
    if network.misfits:
        return fit_plan(table, checkpoint.tensors, targets, network.lost)
    return make_plan(table, checkpoint.tensors, targets)


def _proof(
    network: Network, checkpoint: Checkpoint, targets: Mapping[str, TensorSpec], plan: Plan
) -> Plan:
    try:
        return plan_of(network, network.table, checkpoint, targets)
    except BrokenRule:
        return plan


def _expect_known(config: JsonObject, named: Mapping[str, JsonObject], network: Network) -> None:
    """Refuses keys that the classes do not read, unless it was by them that those were chosen."""
    if any(named.values()):
        from toolkit.folder.known_keys import expect_known_keys

        unwritten = {path: d.value for path, d in network.config.items() if not d.is_written}
        chose = by_part(unwritten)
        read = {
            part: {key: value for key, value in values.items() if key not in chose.get(part, {})}
            for part, values in named.items()
        }
        expect_known_keys(config, read)


def _refuse(path: Path, refusals: Sequence[Reason]) -> None:
    if refusals:
        reasons = "; ".join(f"`{r.name}`: {r.because}" for r in refusals)
        raise BadInput(
            f"`{path}` must be expressible in transformers, with classes of its own or such as a "
            f"folder can carry, but is not: {reasons}. Nothing was written."
        )


def _require(unknown: Sequence[Reason]) -> None:
    if unknown:
        values = "; ".join(f"`{r.name}`: {r.because}" for r in unknown)
        raise BadInput(
            f"These values must be known for an exact conversion, but the checkpoint does not "
            f"say: {values}."
        )
