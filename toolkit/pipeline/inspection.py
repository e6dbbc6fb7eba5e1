"""Says what a checkpoint is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import read_dictionary
from toolkit.checkpoint.sidecars import find_sidecars
from toolkit.core.errors import BadInput
from toolkit.core.inspection import ConfigField, Inspection
from toolkit.core.result import Artifact
from toolkit.families import Network, architecture, find_family
from toolkit.mapping import dropped_tensors, extend_table, read_mapping
from toolkit.pipeline.prepare import Inputs, open_mapped


def inspect(
    checkpoint: Path,
    *,
    config_yaml: Path | None = None,
    dict: Path | None = None,
    spm: Path | None = None,
    mapping: Path | None = None,
    encoder_config: Mapping[str, Any] | None = None,
    decoder_config: Mapping[str, Any] | None = None,
) -> Inspection:
    """What a fairseq file is, and what a conversion will do with it.

    Nothing of the file runs, and fairseq is not needed. Missing companions are reported, not
    refused.

    Args:
        checkpoint: The file.
        config_yaml: Its data configuration; found beside it by default.
        dict: Its dictionary; found beside it by default.
        spm: Its sentencepiece model; found beside it by default.
        mapping: YAML file of rules that replace or extend the family's.
        encoder_config: Values for the encoder that the checkpoint does not give.
        decoder_config: Values for the decoder that the checkpoint does not give.

    Raises:
        BadInput: the file is no fairseq checkpoint of a known family.
    """
    inputs = Inputs(
        checkpoint=checkpoint,
        config_yaml=config_yaml,
        dict_path=dict,
        spm_path=spm,
        encoder_config=encoder_config,
        decoder_config=decoder_config,
    )
    rules = None if mapping is None else read_mapping(mapping)
    opened = open_mapped(checkpoint, rules)
    family = find_family(opened)
    network = family.network(opened, inputs.options)
    table = network.table if rules is None else extend_table(network.table, rules)
    sidecars, languages = _sidecars(inputs)
    return Inspection(
        source=Artifact(path=str(checkpoint), sha256=opened.sha256()),
        format=opened.format,
        family=family.name,
        generation=network.generation,
        architecture=architecture(opened),
        tensors=len(opened.tensors),
        parameters=_parameters(opened),
        dtypes={**Counter(spec.dtype for spec in opened.tensors.values())},
        has_optimizer_state=opened.has_optimizer_state,
        fields=tuple(_fields(network)),
        assumptions=(),
        unknown=network.unknown,
        refusals=network.refusals,
        dropped=dropped_tensors(table, opened.tensors),
        languages=languages,
        sidecars=sidecars,
    )


def _parameters(checkpoint: Checkpoint) -> int:
    twins = {name for group in checkpoint.aliases() for name in group[1:]}
    return sum(spec.numel for name, spec in checkpoint.tensors.items() if name not in twins)


def _fields(network: Network) -> Iterator[ConfigField]:
    unknown = {reason.name for reason in network.unknown}
    for side, derived in (("encoder", network.encoder), ("decoder", network.decoder)):
        for key, field in derived.items():
            name = f"{side}.{key}"
            if name not in unknown:
                yield ConfigField(name=name, value=field.value, evidence=field.evidence)


def _sidecars(inputs: Inputs) -> tuple[dict[str, str], tuple[str, ...]]:
    try:
        found = find_sidecars(
            inputs.checkpoint,
            config_yaml=inputs.config_yaml,
            dict_path=inputs.dict_path,
            spm_path=inputs.spm_path,
        )
    except BadInput as error:
        return {"missing": str(error)}, ()
    files = {
        "config.yaml": str(found.config_yaml),
        "dictionary": str(found.dict_path),
        "sentencepiece model": str(found.spm_path),
    }
    return files, tuple(read_dictionary(found.dict_path).languages)
