"""What a data configuration says of filter banks, and what of it cannot be followed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.variants.s2t_building import write_statistics
from toolkit.checkpoint.dictionary import WORDLESS
from toolkit.core.errors import BadInput
from toolkit.families.filter_banks import FilterBanks, read_filter_banks, read_statistics
from toolkit.families.sidecars import Sidecars

UTTERANCE, GLOBAL = "utterance_cmvn", "global_cmvn"
NAMED = {GLOBAL: {"stats_npz_path": "/home/somebody/gcmvn.npz"}}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., FilterBanks]:
    def make(**config: object) -> FilterBanks:
        yaml = tmp_path / "config.yaml"
        return read_filter_banks(
            Sidecars(config_yaml=yaml, config=config, dictionary=WORDLESS), tmp_path
        )

    return make


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, None),
        ({"transforms": {"*": [UTTERANCE]}}, {}),
        ({"feature_transforms": {"*": [UTTERANCE]}}, {}),
        ({"transforms": {"_train": [UTTERANCE, "specaugment"]}}, None),
        ({"transforms": {"*": [UTTERANCE], "_eval": []}}, None),
        ({"transforms": {"*": [], "test": [UTTERANCE]}}, {}),
        (
            {"transforms": {"*": [UTTERANCE]}, UTTERANCE: {"norm_vars": False}},
            {"norm_vars": False},
        ),
        ({UTTERANCE: {"norm_vars": False}}, None),
    ],
)
def test_what_is_done_after_training_counts(config, expected, read) -> None:
    found = read(**config)
    assert found.utterance == expected
    assert found.preprocessor["do_ceptral_normalize"] is (expected is not None)
    assert found.preprocessor["normalize_vars"] is (expected or {}).get("norm_vars", True)


def test_fairseq_chooses_the_same_transforms(read, tmp_path) -> None:
    from fairseq.data.audio.data_cfg import S2TDataConfig

    said = {"*": [], "_train": ["specaugment"], "_eval": [UTTERANCE]}
    (tmp_path / "config.yaml").write_text(f"transforms: {said}")
    fairseqs = S2TDataConfig(tmp_path / "config.yaml").get_feature_transforms("test", False)
    assert fairseqs["feature_transforms"] == [UTTERANCE]
    assert read(transforms=said).utterance is not None


def test_the_statistics_of_the_corpus_stand_beside_wherever_they_stood_in_training(
    read, tmp_path
) -> None:
    write_statistics(tmp_path / "gcmvn.npz")
    found = read(transforms={"*": [GLOBAL]}, **NAMED)
    with np.load(tmp_path / "gcmvn.npz") as saved:
        assert found.preprocessor["global_mean"] == saved["mean"].tolist()
        assert found.preprocessor["global_std"] == saved["std"].tolist()
    assert found.path == tmp_path / "gcmvn.npz"
    assert "global_mean" not in read(transforms={"*": [UTTERANCE]}, **NAMED).preprocessor


@pytest.mark.parametrize(
    "steps", [["delta_deltas"], [UTTERANCE, GLOBAL], [UTTERANCE, UTTERANCE], ["specaugment"]]
)
def test_other_steps_are_refused_by_name(steps, read) -> None:
    with pytest.raises(
        BadInput, match=re.escape(f"`{steps[-1]}`. Use the checkpoint with fairseq")
    ):
        read(transforms={"*": steps}, **NAMED)


def test_statistics_that_are_nowhere_are_asked_for(read) -> None:
    with pytest.raises(BadInput, match=r"`/home/somebody/gcmvn.npz`, the archive of statistics"):
        read(transforms={"*": [GLOBAL]}, **NAMED)
    with pytest.raises(BadInput, match="must name its statistics as `stats_npz_path`"):
        read(transforms={"*": [GLOBAL]})


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"mean": np.zeros(80)}, "std"),
        ({"mean": np.zeros(80), "std": np.ones(40)}, "`std` is float64 of shape \\(40,\\)"),
        ({"mean": np.zeros(80, dtype=int), "std": np.ones(80)}, "`mean` is int64"),
        ({"mean": np.zeros(80), "std": np.zeros(80)}, "`std` holds what cannot be divided"),
        ({"mean": np.full(80, np.nan), "std": np.ones(80)}, "`mean` holds what cannot"),
        ({"mean": np.array([{}] * 80), "std": np.ones(80)}, "[Oo]bject arrays"),
        ({"mean": np.zeros(9000), "std": np.ones(9000)}, "bytes"),
    ],
)
def test_statistics_that_no_corpus_has_are_refused(arrays, said, tmp_path) -> None:
    np.savez(tmp_path / "gcmvn.npz", **arrays)
    with pytest.raises(BadInput, match=f"must hold `mean` and `std` of 80 bins.*{said}"):
        read_statistics(tmp_path / "gcmvn.npz")


def test_a_file_that_is_no_archive_is_refused_and_never_unpickled(tmp_path) -> None:
    import pickle

    for content in (b"", b"no archive", pickle.dumps({"mean": 1})):
        (tmp_path / "gcmvn.npz").write_bytes(content)
        with pytest.raises(BadInput, match="must hold `mean` and `std`"):
            read_statistics(tmp_path / "gcmvn.npz")
