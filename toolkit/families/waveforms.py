"""What a folder says of the waveforms that its model takes, whatever it makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from toolkit.blocks.evidence import Derived
from toolkit.blocks.tree import assumed
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict, JsonObject

PROCESSOR: Mapping[str, str] = {"processor_class": "Wav2Vec2Processor"}
"""What `AutoProcessor` builds of a folder that takes waveforms."""
RATE_HZ = 16_000
"""Samples a second of every clip that a proof compares on."""
NORMALIZE = "preprocessor_config.do_normalize"
"""The one value of it that a checkpoint may leave open."""


def preprocessor_config(normalize: Derived, processor: Mapping[str, str] = PROCESSOR) -> JsonDict:
    """What `preprocessor_config.json` must hold for the same input of the network.

    Args:
        normalize: Whether the sound is standardized.
        processor: What `AutoProcessor` builds; empty where there is no tokenizer.
    """
    return {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        **processor,
        "feature_size": 1,
        "sampling_rate": RATE_HZ,
        "padding_side": "right",
        "padding_value": 0.0,
        "do_normalize": normalize.value,
        "return_attention_mask": True,
    }


def refused_rate(task: JsonObject) -> Iterator[Reason]:
    """Why a model that hears another number of samples a second is refused.

    Args:
        task: fairseq's arguments of the task.
    """
    rate = task.get("sample_rate")
    if isinstance(rate, (int, float)) and rate != RATE_HZ:
        because = (
            f"it hears {rate} samples a second, and clips are compared at {RATE_HZ}. In a copy of the "
            f"checkpoint set it to {RATE_HZ}, and in the folder then `sampling_rate` of "
            f"`preprocessor_config.json` to {rate}, which no proof speaks of"
        )
        yield Reason(name="task.sample_rate", because=because)


def derive_normalization(
    claims: Mapping[str, bool], *, norm: str, chosen: Mapping[str, Derived], remedy: str
) -> tuple[Derived, tuple[Reason, ...]]:
    """Whether the audio is standardized, and what of that was assumed or contradicts itself.

    Args:
        claims: What says so or not, by where it says it; fairseq's own inference follows the first.
        norm: The norm of the extractor: `layer` or `group`.
        chosen: Values that a recording decided on.
        remedy: What overrules a value that was assumed.
    """
    if not claims:
        derived = chosen.get(NORMALIZE, _guess(norm))
        return derived, tuple(assumed({NORMALIZE: derived}, lambda _: remedy))
    evidence, value = next(iter(claims.items()))
    others = [name for name, claim in claims.items() if claim != value]
    contradiction = Reason(
        name=NORMALIZE,
        because=f"{evidence} says {value}, which fairseq's own inference follows, although "
        f"{' and '.join(others)} says {not value}",
    )
    return Derived(value=value, evidence=evidence), (contradiction,) if others else ()


def _guess(norm: str) -> Derived:
    return Derived(
        value=norm == "layer",
        evidence=f"published encoders with {norm} norm in the extractor take "
        f"{'standardized' if norm == 'layer' else 'plain'} audio",
        candidates=(True, False),
    )
