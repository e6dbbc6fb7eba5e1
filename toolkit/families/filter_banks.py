"""What a data configuration of fairseq's says of the filter banks that a model hears.

Source: `fairseq/data/audio/data_cfg.py`, `fairseq/data/audio/feature_transforms`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.blocks.filter_bank_encoder import BINS
from toolkit.bundled import FILTER_BANKS
from toolkit.checkpoint.plain_files import read_small
from toolkit.core.errors import BadInput, reason_of
from toolkit.core.json import JsonDict, JsonObject
from toolkit.families.sidecars import Sidecars, find_beside
from toolkit.families.waveforms import RATE_HZ

PROCESSOR: Mapping[str, str] = {"processor_class": "Speech2TextProcessor"}
"""What `AutoProcessor` builds of a folder that takes filter banks."""
SPLITS = ("test", "_eval", "*")
"""Names under which a configuration says what is done to data after training; the first counts."""
UTTERANCE, GLOBAL = "utterance_cmvn", "global_cmvn"
KNOWN = ((), (UTTERANCE,), (GLOBAL,), (GLOBAL, UTTERANCE))
"""Orders of normalizations that the carried feature extractor follows."""
STATISTICS = ("mean", "std")
MAX_NPZ_BYTES = 1 << 16
"""Two vectors of eighty numbers take a few hundred bytes."""


@dataclass(frozen=True, kw_only=True)
class FilterBanks:
    """How the filter banks of a clip are normalized."""

    utterance: JsonObject | None
    """What `utterance_cmvn` says; None where clips are not normalized by themselves."""
    statistics: Mapping[str, tuple[float, ...]]
    """`mean` and `std` of a corpus, of every bin; empty where there are none."""
    path: Path | None
    """The file of these."""

    @property
    def preprocessor(self) -> JsonDict:
        """What `preprocessor_config.json` must hold for the same input of the network."""
        said = self.utterance or {}
        return {
            # Without `trust_remote_code` the stock class must not load: it computes otherwise.
            "feature_extractor_type": "FairseqFilterBankExtractor",
            "auto_map": {"AutoFeatureExtractor": f"{FILTER_BANKS.stem}.FairseqFilterBankExtractor"},
            **PROCESSOR,
            "feature_size": BINS,
            "num_mel_bins": BINS,
            "sampling_rate": RATE_HZ,
            "padding_side": "right",
            "padding_value": 0.0,
            "dither": 0.0,
            "return_attention_mask": True,
            "do_ceptral_normalize": self.utterance is not None,
            "normalize_means": bool(said.get("norm_means", True)),
            "normalize_vars": bool(said.get("norm_vars", True)),
            **{f"global_{name}": list(self.statistics[name]) for name in self.statistics},
        }


def read_filter_banks(sidecars: Sidecars, folder: Path) -> FilterBanks:
    """How a configuration normalizes filter banks.

    Args:
        sidecars: The configuration.
        folder: Where the checkpoint stands, beside which its statistics are looked for.

    Raises:
        BadInput: it does something else to them, or the statistics cannot be read.
    """
    steps = tuple(_steps(sidecars.config))
    if steps not in KNOWN:
        raise BadInput(
            f"`feature_transforms` in `{sidecars.config_yaml}` must be `{GLOBAL}` and `{UTTERANCE}`, "
            f"one or both in this order, but for what is read after training is "
            f"{', '.join(f'`{step}`' for step in steps)}. Use the checkpoint with fairseq, or name a "
            "configuration with `--config-yaml` if its data comes prepared."
        )
    path = _statistics_path(sidecars, folder) if GLOBAL in steps else None
    return FilterBanks(
        utterance=_settings(sidecars.config, UTTERANCE) if UTTERANCE in steps else None,
        statistics={} if path is None else read_statistics(path),
        path=path,
    )


def read_statistics(path: Path) -> dict[str, tuple[float, ...]]:
    """The mean and the standard deviation of every bin over a corpus, by name.

    Raises:
        BadInput: the file is no archive of numpy with both, of as many numbers as there are bins.
    """
    import numpy as np

    try:
        with np.load(
            io.BytesIO(read_small(path, max_bytes=MAX_NPZ_BYTES)), allow_pickle=False
        ) as found:
            return {name: _checked(name, found[name]) for name in STATISTICS}
    except (OSError, ValueError, KeyError, EOFError, TypeError) as error:
        raise BadInput(
            f"`{path}` must hold `mean` and `std` of {BINS} bins, as fairseq's `get_cmvn` saves them, "
            f"but {reason_of(error)}. Name the checkpoint's own configuration with `--config-yaml`."
        ) from error


def _checked(name: str, said: object) -> tuple[float, ...]:
    import numpy as np

    vector = np.asarray(said)
    if vector.shape != (BINS,) or vector.dtype.kind != "f":
        raise ValueError(f"`{name}` is {vector.dtype} of shape {vector.shape}")
    if not np.isfinite(vector).all() or (name == "std" and not (vector > 0).all()):
        raise ValueError(f"`{name}` holds what cannot be divided by or taken off")
    return tuple(map(float, vector))


def _steps(config: JsonObject) -> Iterator[str]:
    """What is done to data after training, as fairseq joins its two lists."""
    older, newer = (_of_split(config.get(key)) for key in ("transforms", "feature_transforms"))
    yield from (str(step) for step in (*older, *newer))


def _of_split(said: object) -> tuple[object, ...]:
    splits = said if isinstance(said, Mapping) else {}
    found = next((splits[name] for name in SPLITS if splits.get(name) is not None), ())
    return tuple(found) if isinstance(found, list | tuple) else (found,)


def _settings(config: JsonObject, name: str) -> JsonObject:
    found = config.get(name)
    return found if isinstance(found, Mapping) else {}


def _statistics_path(sidecars: Sidecars, folder: Path) -> Path:
    named = _settings(sidecars.config, GLOBAL).get("stats_npz_path")
    if not named or sidecars.config_yaml is None:
        raise BadInput(
            f"`{GLOBAL}` in `{sidecars.config_yaml}` must name its statistics as `stats_npz_path`, "
            "but does not. Name the checkpoint's own configuration with `--config-yaml`."
        )
    return find_beside(
        folder, sidecars.config_yaml, str(named), "archive of statistics", "--config-yaml"
    )
