"""The tests of a pair are known without a model, and are those that the models then have."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sampling import one_in
from tests.variants.building import build_variant
from tests.variants.kinds import VARIANTS, Variant
from toolkit import convert
from toolkit.audio import Clip, golden_folder
from toolkit.core.errors import BadInput
from toolkit.folder.view import carries_model_code
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.parity.catalogue import list_tests, paired_modules
from toolkit.pipeline.pairing import pair_with
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.reference import open_reference
from toolkit.replay.pairs import module_paths, parameterized
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

CHOSEN = [v for v in VARIANTS[::9] if "exact" in v.ends] + [
    v for v in VARIANTS if v.name in ("conformer, rope", "pos_conv_depth 5, even kernels")
]


def test_there_are_more_tests_than_modules_with_parameters(
    prepared: Prepared, clips: tuple[Clip, ...]
) -> None:
    tests = list_tests(prepared, clips)
    idents = [test.ident for test in tests]
    assert len(set(idents)) == len(idents)
    owners = parameterized(prepared.proof, prepared.network.unpaired)
    assert set(owners) <= {test.subject for test in tests if test.level == "module"}
    assert set(owners) <= {test.subject for test in tests if test.level == "weights"}
    assert {"logits:ru_2", "front_end:quiet", "padding", "reload", "coverage"} <= set(idents)


def test_a_pair_without_clips_is_an_error(prepared: Prepared) -> None:
    with pytest.raises(BadInput, match="0 clips"):
        list_tests(prepared, ())


def test_a_pair_without_modules_is_an_error(prepared: Prepared, clips: tuple[Clip, ...]) -> None:
    network = replace(prepared.network, layouts=())
    with pytest.raises(BadInput, match="0 modules"):
        list_tests(replace(prepared, network=network), clips)


def test_listing_needs_no_model() -> None:
    code = """
import sys
from pathlib import Path
from toolkit.audio import read_clips
from toolkit.blocks.known_tensors import maybe_known_specs
from toolkit.parity.catalogue import list_tests
from toolkit.pipeline.prepare import Inputs, prepare
prepared = prepare(Inputs(checkpoint=Path(sys.argv[1])), maybe_known_specs)
assert len(list_tests(prepared, read_clips([]))) > 300
assert not {"torch", "transformers", "fairseq"} & set(sys.modules)
"""
    golden = golden_folder() / "checkpoint" / "model.pt"
    subprocess.run([sys.executable, "-c", code, str(golden)], check=True)


@pytest.mark.parametrize("variant", one_in(3, CHOSEN, lambda variant: variant.name))
def test_the_listed_modules_are_those_that_have_a_pair(variant: Variant, tmp_path: Path) -> None:
    listed, real = listed_and_real(variant, tmp_path)
    assert listed == real


def listed_and_real(variant: Variant, folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    with quiet_fairseq(), mended_conformer():
        checkpoint = build_variant(variant, golden_folder() / "checkpoint", folder)
    out = folder / "hf"
    convert(checkpoint, out, verify=False, **variant.options)
    inputs = Inputs(checkpoint=checkpoint, **variant.options)
    prepared = prepare(replace(inputs, exact_padding=carries_model_code(out)))
    with open_reference(prepared) as reference:
        pairs = pair_with(prepared, module_paths(reference.model), Seq2SeqTarget(out)).pairs
    return paired_modules(prepared), tuple(pair.target for pair in pairs)
