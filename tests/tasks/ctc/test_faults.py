"""Deliberate faults of a CTC folder: found, blamed on the right thing, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.families.faulted import check_all_blamed
from tests.sampling import one_in
from tests.tasks.ctc.conftest import CHECKPOINT
from toolkit.faults import Fault, single_faults
from toolkit.pipeline.difference import Session, diff_folder
from toolkit.pipeline.faulting import breakable_of, faults, names
from toolkit.pipeline.prepare import Prepared

SAMPLE = (
    "special_rows_swapped:vocab.json-pad_token-bos_token",
    "row_missing:vocab.json-middle",
    "row_appended:vocab.json-end",
    'setting_changed:tokenizer_config.word_delimiter_token=" "',
    "setting_changed:tokenizer_config.do_lower_case=true",
    "symbols_shuffled:lm_head",
    "bias_forgotten:lm_head.bias",
    "normalization_changed:preprocessor_config.do_normalize=false",
    "attention_mask_changed:preprocessor_config.return_attention_mask=false",
    "norm_order_changed:do_stable_layer_norm=false",
    'conv_norm_changed:feat_extract_norm="group"',
    'dtype_changed:dtype="float16"',
)
"""Faults that are a CTC model's own, one of a kind."""


@pytest.fixture(scope="module")
def by_name(ctc_folder: Path, ctc_prepared: Prepared) -> dict[str, Fault]:
    return {f.name: f for f in single_faults(ctc_folder, breakable_of(ctc_prepared))}


@pytest.mark.parametrize("name", one_in(2, SAMPLE, str, pytest.mark.wide))
def test_the_only_finding_names_the_fault(
    name: str, by_name: dict[str, Fault], ctc_session: Session, ctc_broken: Path
) -> None:
    fault = by_name[name]
    fault.break_folder(ctc_broken)
    (finding,) = diff_folder(ctc_session, ctc_broken).findings
    assert names(finding, fault.truth), finding.summary
    assert finding.hypothesis is not None
    assert finding.hypothesis.confirmed
    assert finding.hypothesis.name in fault.truth.hypotheses


@pytest.mark.parametrize(
    "name", ["unread_key_changed:pad_token_id=1", "unseen_key_invented:ctc_zero_infinity=true"]
)
def test_what_only_a_loss_reads_is_a_note(
    name: str, by_name: dict[str, Fault], ctc_session: Session, ctc_broken: Path
) -> None:
    by_name[name].break_folder(ctc_broken)
    result = diff_folder(ctc_session, ctc_broken)
    assert (result.verdict, result.findings) == ("match", ())
    assert {note.key for note in result.notes} == by_name[name].truth.config_keys


def test_the_public_scripts_blank_is_told_by_its_rows(
    by_name: dict[str, Fault], ctc_session: Session, ctc_broken: Path
) -> None:
    by_name[SAMPLE[0]].break_folder(ctc_broken)
    (finding,) = diff_folder(ctc_session, ctc_broken).findings
    assert "0: '<pad>' became '<s>'" in finding.summary


@pytest.mark.slow
def test_every_fault_is_found_and_blamed_first_and_alone() -> None:
    result = faults(CHECKPOINT)
    check_all_blamed(result)
    assert len(result.by_kind) >= 40
    assert len(result.doubles) >= 30
    assert [o.name for o in result.singles if not (o.hypothesis or o.noted)] == []
