"""What a family's model is built of where no tensor has a name that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.variants.ctc_building import build_ctc
from tests.variants.data2vec_kinds import DATA2VEC_VARIANTS
from tests.variants.s2t_building import build_s2t
from tests.variants.s2t_kinds import S2T_VARIANTS
from tests.variants.s2ut_kinds import S2UT_VARIANTS, UNITS
from tests.variants.text_building import build_text
from tests.variants.text_kinds import TEXT_VARIANTS
from toolkit.blocks.arguments import called
from toolkit.checkpoint import Checkpoint, open_checkpoint
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS
from toolkit.core.errors import BadInput
from toolkit.families import families
from toolkit.families.base import Family, Options
from toolkit.families.blank import as_member, blank_of
from toolkit.families.sidecars import Named

NAMED = Named(config_yaml=None, dictionary=None, pieces=None)


def known(name: str) -> Family:
    return next(family for family in families() if family.name == name)


FAMILY = known("wav2vec2_ctc")


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A data2vec whose arguments are older than the number of positional convolutions."""
    (variant,) = (v for v in DATA2VEC_VARIANTS if v.name == "data2vec, Namespace")
    return unnamed(build_ctc(variant, tmp_path_factory.mktemp("older")).path)


def positions(checkpoint: Checkpoint) -> object:
    told = blank_of(FAMILY, checkpoint, NAMED, Options()).settings["w2v_args"]
    assert isinstance(told, dict)
    return told.get("model", told).get("pos_conv_depth")


def test_several_positional_convolutions_are_told_by_their_shapes(older: Checkpoint) -> None:
    assert positions(older) == 5


def test_fewer_than_fairseq_makes_of_such_shapes_tell_nothing(older: Checkpoint) -> None:
    shapes = [spec.shape for spec in older.tensors.values()]
    several = next(shape for shape in shapes if len(shape) == 3 and shapes.count(shape) == 5)
    lost = [name for name, spec in older.tensors.items() if spec.shape == several][:2]
    rest = {name: spec for name, spec in older.tensors.items() if name not in lost}
    assert positions(replace(older, tensors=MappingProxyType(rest))) is None


@pytest.mark.parametrize("bins", ["waveforms", "filter banks"])
def test_both_models_hear_what_their_family_hears(
    bins: str, older: Checkpoint, tmp_path: Path
) -> None:
    if bins == "waveforms":
        assert blank_of(FAMILY, older, NAMED, Options()).hears == (12_000,)
        return
    plain = S2T_VARIANTS[0]
    checkpoint = open_checkpoint(build_s2t(plain, tmp_path))
    blank = blank_of(known("s2t_transformer"), checkpoint, NAMED, Options())
    assert (blank.hears, blank.task) == ((75, 80), "speech_seq2seq")
    assert {"config.yaml", "dict.txt", "spm.model"} == set(blank.files)
    with pytest.raises(BadInput, match="encoder, from which the tensors of `wav2vec2_ctc` follow"):
        blank_of(FAMILY, checkpoint, NAMED, Options())


def test_a_model_of_units_is_built_of_as_many_as_its_arguments_say(tmp_path: Path) -> None:
    checkpoint = unnamed(build_s2t(S2UT_VARIANTS[0], tmp_path))
    blank = blank_of(known("s2ut_transformer"), checkpoint, NAMED, Options())
    assert (blank.hears, blank.symbols) == ((75, 80), 0)
    assert blank.settings["target_code_size"] == UNITS
    assert blank.settings["multitask_config_yaml"] is None
    untold = replace(
        checkpoint, settings={"args": {"arch": "s2ut_transformer", "conv_kernel_sizes": "5,5"}}
    )
    with pytest.raises(BadInput, match="must say how many units there are"):
        blank_of(known("s2ut_transformer"), untold, NAMED, Options())


def test_a_model_of_texts_is_asked_about_symbols_of_its_whole_dictionary(tmp_path: Path) -> None:
    checkpoint = unnamed(build_text(TEXT_VARIANTS[0], tmp_path))
    blank = blank_of(known("mbart"), checkpoint, NAMED, Options())
    assert (blank.hears, blank.task) == ((24,), "text_seq2seq")
    content = blank.files["dict.txt"]
    assert isinstance(content, bytes)
    rows = content.decode().splitlines()
    assert rows[-1] == "<mask> 1"
    assert blank.symbols == len(rows) + len(SPECIAL_SYMBOLS)


@pytest.mark.parametrize("arch", ["mbart_large", "of_a_fork"])
@pytest.mark.parametrize("kind", ["mBART-25", "mBART-25, cfg instead of args"])
def test_a_model_of_texts_keeps_the_name_of_its_own_code_and_takes_the_family_s(
    kind: str, arch: str, tmp_path: Path
) -> None:
    (variant,) = (one for one in TEXT_VARIANTS if one.name == kind)
    checkpoint = unnamed(build_text(variant, tmp_path))
    checkpoint = replace(checkpoint, settings=called(checkpoint.settings, arch))
    own = blank_of(known("mbart"), checkpoint, NAMED, Options())
    member, _ = as_member(checkpoint, known("mbart"))
    of_family = blank_of(known("mbart"), member, NAMED, Options())
    assert (own.settings["arch"], of_family.settings["arch"]) == (arch, "mbart_large")


def test_a_model_without_a_name_is_built_as_one_of_the_family(tmp_path: Path) -> None:
    checkpoint = unnamed(build_text(TEXT_VARIANTS[0], tmp_path))
    args = checkpoint.settings["args"]
    assert isinstance(args, Mapping)
    nameless = replace(
        checkpoint, settings={"args": {key: v for key, v in args.items() if key != "arch"}}
    )
    blank = blank_of(known("mbart"), nameless, NAMED, Options())
    assert blank.settings["arch"] == "mbart_large"


@pytest.mark.parametrize("units", ["many", 0, 10**12, None])
def test_a_number_of_units_that_can_be_none_is_refused(units: object, tmp_path: Path) -> None:
    checkpoint = unnamed(build_s2t(S2UT_VARIANTS[0], tmp_path))
    args = checkpoint.settings["args"]
    assert isinstance(args, Mapping)
    settings = {"args": {**args, "target_code_size": units}}
    with pytest.raises(BadInput, match="must say how many units there are"):
        blank_of(
            known("s2ut_transformer"), replace(checkpoint, settings=settings), NAMED, Options()
        )


@pytest.mark.parametrize("name", ["hifigan", "code_hifigan"])
def test_a_vocoder_is_refused_by_name(name: str, older: Checkpoint) -> None:
    with pytest.raises(BadInput, match=f"`{name}` must be a family whose models hear speech or"):
        blank_of(known(name), older, NAMED, Options())


def unnamed(path: Path) -> Checkpoint:
    """A checkpoint none of whose tensors has a name that is known."""
    checkpoint = open_checkpoint(path)
    tensors = {f"z{place}": spec for place, spec in enumerate(checkpoint.tensors.values())}
    return replace(checkpoint, tensors=MappingProxyType(tensors))
