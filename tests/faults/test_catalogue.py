"""The catalogue of faults: how many, of what, and that each does what its truth says."""

import ast
import json
import pickle
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import toolkit.faults
from tests.sampling import slow
from toolkit.core.breakable import Breakable
from toolkit.core.errors import BadInput
from toolkit.core.slips import TOKENIZER_CONFIG
from toolkit.faults import double_faults, maybe_harmless, single_faults, split_harmless
from toolkit.faults.catalogue import PAIRED_CONFIG_KINDS, PAIRED_WEIGHT_KINDS, are_independent
from toolkit.faults.facts import WEIGHTS, owner, read_facts

HYPOTHESES = {
    "swapped_with",
    "layer_offset",
    "transposed",
    "rows_shifted",
    "rows_permuted",
    "heads_permuted",
    "scaled",
    "sign_flipped",
    "zeroed",
    "not_filled",
    "partly_copied",
    "precision_lost",
    "tie_broken",
    "tie_invented",
    "wrong_value",
    "norm_order",
    "wrong_activation",
    "missing_scale",
    "wrong_head_count",
    "wrong_epsilon",
    "wrong_stride",
    "wrong_language",
    "wrong_start_token",
    "wrong_vocabulary",
    "not_normalized",
    "wrong_dtype",
    "train_mode",
    "fused_split",
    "kernel_flipped",
}
HARMLESS = {"direction_halved"}
"""Kinds that change nothing in the golden conversion."""
OF_ALL = pytest.mark.parametrize("sampled", [slow(1)], indirect=True)


@pytest.fixture(scope="module")
def doubles(catalogue):
    return catalogue.doubles


def look(fault):
    return fault.name, fault.kind, fault.part, fault.truth


@OF_ALL
def test_there_are_at_least_300_distinct_single_faults(singles, effects):
    real = [fault for fault in singles if effects[fault.name].proof is None]
    assert len(real) >= 300
    assert len({effects[fault.name].digest for fault in real}) == len(real)


@OF_ALL
def test_there_are_at_least_40_classes(singles, effects):
    real = {fault.kind for fault in singles if effects[fault.name].proof is None}
    assert len(real) >= 40


def test_every_part_has_faults(catalogue, singles):
    # No golden model has adapters; `tests/families/test_adapters.py` breaks one that has.
    declared = {part.name for part in catalogue.breakable.parts} - {"adapters"}
    assert {fault.part for fault in singles if fault.truth.parameters} == declared


def test_every_file_has_faults(catalogue, singles):
    breakable = catalogue.breakable
    keyed = {key.file for key in (*breakable.slips, *breakable.inventions)}
    files = {WEIGHTS, TOKENIZER_CONFIG, *keyed, *breakable.vocabularies}
    assert {file for fault in singles for file in fault.truth.files} == files


def test_every_parameterized_module_role_has_a_fault(catalogue, folder, singles):
    roles = {place.template for place in read_facts(folder, catalogue.breakable).places}
    nudged = {fault.name for fault in singles if fault.kind == "element_nudged"}
    assert len(nudged) == len(roles)


def test_names_are_unique(singles, doubles):
    names = [fault.name for fault in (*singles, *doubles)]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_the_catalogue_is_the_same_each_time(catalogue, singles, doubles):
    again = (catalogue.folder, catalogue.breakable)
    assert [look(fault) for fault in single_faults(*again)] == [look(f) for f in singles]
    assert [fault.name for fault in double_faults(*again)] == [f.name for f in doubles]


@pytest.mark.parametrize("turn", range(0, 600, 23))
def test_a_fault_gives_the_same_bits_each_time(turn, folder, singles, tmp_path):
    fault = singles[turn % len(singles)]
    folders = [Path(shutil.copytree(folder, tmp_path / name)) for name in ("one", "two")]
    fault.break_folder(folders[0])
    pickle.loads(pickle.dumps(fault)).break_folder(folders[1])
    for file in fault.truth.files:
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes()


def test_hypotheses_have_the_names_that_findings_use(singles):
    assert {name for fault in singles for name in fault.truth.hypotheses} <= HYPOTHESES
    assert all(fault.truth.hypotheses for fault in singles)


def test_every_truth_names_a_place(singles):
    for fault in singles:
        assert fault.truth.modules or fault.truth.config_keys, fault.name
        assert fault.truth.modules == {owner(name) for name in fault.truth.parameters}, fault.name


@OF_ALL
def test_every_fault_changes_the_folder_or_is_proved_harmless(singles, effects):
    harmless = {fault.kind for fault in singles if effects[fault.name].proof is not None}
    assert harmless == HARMLESS
    assert all(effects[fault.name].files for fault in singles)


def test_a_fault_changes_its_own_files_alone(sampled, effects):
    wrong = [f.name for f in sampled if effects[f.name].files != f.truth.files]
    assert wrong == []


def test_a_fault_changes_its_own_tensors_alone(sampled, effects):
    wrong = [f.name for f in sampled if effects[f.name].tensors != f.truth.parameters]
    assert wrong == []


def test_a_fault_changes_its_own_keys_alone(sampled, effects):
    for fault in sampled:
        if fault.part != "tokenizer":
            assert effects[fault.name].keys == fault.truth.config_keys, fault.name
        elif fault.kind != "special_ids_swapped":
            assert effects[fault.name].keys == frozenset(), fault.name


def test_broken_weights_keep_the_format_of_the_file(folder, singles, tmp_path):
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    singles[0].break_folder(broken)
    with safe_open(broken / WEIGHTS, framework="pt") as opened:
        assert opened.metadata() == {"format": "pt"}


def test_there_are_at_least_40_double_faults(doubles):
    assert len(doubles) >= 40


def test_double_faults_are_of_every_pairing(doubles):
    kinds = Counter(fault.kind for fault in doubles)
    assert kinds["weight+config"] * 2 >= len(doubles)
    assert min(kinds["weight+weight"], kinds["config+config"]) >= 8
    for fault in doubles:
        sides = "+".join("weight" if truth.modules else "config" for truth in fault.truths)
        assert sides == fault.kind, fault.name


def test_a_rounded_tensor_is_none_where_all_are_rounded(singles):
    weight = next(fault for fault in singles if fault.truth.parameters)
    key = next(fault for fault in singles if are_independent(weight, fault))
    coarser = replace(key, truth=replace(key.truth, config_keys=frozenset({"dtype"})))
    rounded = replace(weight, kind="rounded_to_bfloat16")
    assert not are_independent(rounded, coarser)
    assert not are_independent(coarser, rounded)
    assert are_independent(replace(weight, kind="sign_flipped"), coarser)


def test_double_faults_are_independent(doubles):
    for fault in doubles:
        assert are_independent(fault.first, fault.second), fault.name


def test_a_fault_depends_on_itself(singles):
    assert not any(are_independent(fault, fault) for fault in singles)


def test_double_faults_do_in_either_order_what_each_does_alone(folder, doubles, tmp_path):
    for turn, fault in enumerate(doubles[::5]):
        broken = Path(shutil.copytree(folder, tmp_path / f"{turn}"))
        swapped = Path(shutil.copytree(folder, tmp_path / f"{turn}-swapped"))
        fault.break_folder(broken)
        replace(fault, first=fault.second, second=fault.first).break_folder(swapped)
        assert maybe_harmless(broken, swapped) is not None, fault.name
        assert maybe_harmless(folder, broken) is None, fault.name


def test_paired_kinds_exist(catalogues):
    kinds = {fault.kind for catalogue in catalogues.values() for fault in catalogue.singles}
    assert kinds.issuperset(PAIRED_WEIGHT_KINDS | PAIRED_CONFIG_KINDS)


def test_harmless_faults_are_excluded_with_the_proof(folder, singles):
    some = [f for f in singles if f.kind in {"direction_halved", "gain_scaled"}]
    real, excluded = split_harmless(folder, some)
    assert [fault.kind for fault in real] == ["gain_scaled"]
    assert [entry.fault.kind for entry in excluded] == ["direction_halved"]
    assert "pos_conv_embed.conv" in excluded[0].proof


def test_an_untied_folder_gets_a_tie_invented(broken, breakable):
    tensors = load_file(broken / WEIGHTS)
    tensors["decoder.lm_head.weight"] = tensors["decoder.model.decoder.embed_tokens.weight"] * 2
    save_file(tensors, broken / WEIGHTS, metadata={"format": "pt"})
    config = json.loads((broken / "config.json").read_text())
    config["decoder"]["tie_word_embeddings"] = False
    (broken / "config.json").write_text(json.dumps(config))
    faults = single_faults(broken, breakable)
    invented = {fault.kind for fault in faults if fault.truth.hypotheses == {"tie_invented"}}
    assert invented == {"output_tied", "tie_changed"}


def test_a_folder_of_half_precision_has_no_rounding_to_it(broken, breakable):
    tensors = load_file(broken / WEIGHTS)
    halves = {name: tensor.half() for name, tensor in tensors.items()}
    save_file(halves, broken / WEIGHTS, metadata={"format": "pt"})
    faults = single_faults(broken, breakable)
    rounded = [fault for fault in faults if fault.kind == "rounded_to_float16"]
    real, excluded = split_harmless(broken, rounded)
    assert (len(real), len(excluded)) == (0, len(rounded))


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_without_a_file_is_refused(file, broken, breakable):
    (broken / file).unlink()
    with pytest.raises(BadInput, match=f"`.*{file}` must"):
        single_faults(broken, breakable)


def test_a_family_that_declares_nothing_is_refused(converted):
    with pytest.raises(BadInput, match="must be of a family that says what of it can be broken"):
        single_faults(converted, Breakable())


def test_a_folder_of_another_kind_is_refused(broken, breakable):
    tensors = load_file(broken / WEIGHTS)
    tensors["text_encoder.weight"] = tensors.pop("encoder.masked_spec_embed")
    save_file(tensors, broken / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(BadInput, match="`text_encoder` must lie in a known part"):
        single_faults(broken, breakable)


def test_faults_share_no_code_with_what_finds_them():
    for file in Path(toolkit.faults.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("toolkit"):
                # Names of the tensors and files of languages are the form of a folder, no finding.
                forms = ("toolkit.checkpoint.sets", "toolkit.folder.languages")
                allowed = ("toolkit.core", "toolkit.faults", "toolkit.bundled", *forms)
                assert node.module.startswith(allowed), file.name
