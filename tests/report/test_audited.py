from dataclasses import replace

import pytest

from tests.report.conftest import make_matching, make_unverified
from toolkit.core.coverage import Reason
from toolkit.proof.audited import Against, Audited, Change
from toolkit.proof.document import Verification
from toolkit.report.audited import MAX_CHANGES, describe_audit, render_audit

WRONG = Change(kind="changed", file="<b>config.json", summary="It must have 7 bytes, but has 8.")


@pytest.fixture
def audited(facts):
    proven = replace(make_matching(), reproduce="toolkit verify model.pt hf")
    return Audited(
        folder="hf",
        verification=Verification(model=facts, result=proven, date="2026-01-02T03:04:05Z"),
        seal="ab" * 32,
        is_sealed=False,
        changes=(),
        beside=(Reason(name=".gitattributes", because="the hub's"),),
        num_files=9,
        num_bytes=12_000_000,
    )


def test_a_match_says_what_was_held_against_what_and_what_that_does_not_show(audited):
    said = describe_audit(audited, 200)
    assert said.startswith("✓ match: hf is the folder that was proven\n")
    assert "held      9 files against their hashes, 12 MB read" in said
    assert "beside    .gitattributes: the hub's" in said
    assert f"seal      {'ab' * 32}\n" in said
    assert "not shown by whom: whoever changes a folder can write" in said
    assert "again     toolkit verify model.pt hf" in said
    assert "date      2026-01-02T03:04:05Z" in said


def test_a_seal_that_was_named_shows_by_whom(audited):
    said = describe_audit(replace(audited, is_sealed=True), 200)
    assert f"{'ab' * 32}, as named" in said
    assert "not shown" not in said


def test_changes_come_first_and_not_all_of_thousands(audited):
    said = describe_audit(replace(audited, changes=(WRONG,) * 30), 200)
    first, second, *_ = said.splitlines()
    assert first == "✗ mismatch: hf is not the folder that was written"
    assert second == "changed   <b>config.json: It must have 7 bytes, but has 8."
    assert said.count("config.json") == MAX_CHANGES
    assert "and 10 more; `--json` has all" in said


def test_what_nobody_proved_is_said_to_be_so(audited):
    unproven = replace(audited.verification, result=make_unverified())
    said = describe_audit(replace(audited, verification=unproven), 200)
    assert said.startswith("? unverified: hf is the folder that was written, which nothing proves")
    assert "proof     none, because" in said


def test_a_file_that_is_of_no_use_is_told_and_nothing_of_it_believed(audited):
    said = describe_audit(replace(audited, verification=None, seal=None, changes=(WRONG,)), 200)
    assert "seal      none that holds" in said
    assert "proof" not in said


def test_what_it_answers_today_is_told_with_what_was_not_asked(audited):
    level = audited.verification.result.levels[0]
    wrong = replace(level, measures=(replace(level.measures[0], error=1e9, declared=False),))
    against = Against(recording="rec", environment={}, levels=(level,), left_out=("modules",))
    said = describe_audit(replace(audited, against=against), 200)
    assert "recording rec\nanswers   1 pass\n" in said
    assert "not asked modules: they take the checkpoint (`toolkit verify`)" in said
    failing = replace(audited, against=replace(against, levels=(wrong,)))
    assert describe_audit(failing, 200).startswith("✗ mismatch: hf is the folder that was written")
    assert f"          {level.name}: {level.summary}" in describe_audit(failing, 200)
    assert "against the recording" in render_audit(failing)


def test_what_does_not_load_any_more_is_told_as_transformers_says_it(audited):
    against = Against(
        recording="rec", environment={}, levels=(), left_out=(), broken="`hf` must be a folder"
    )
    said = describe_audit(replace(audited, against=against), 200)
    assert said.startswith("✗ mismatch")
    assert "          `hf` must be a folder" in said
    assert "answers" not in said.splitlines()[-2]


def test_the_page_has_the_same_and_escapes_every_name(audited):
    page = render_audit(replace(audited, changes=(WRONG,)))
    assert "✗ NOT AS WRITTEN" in page
    assert "&lt;b&gt;config.json" in page
    assert "<b>config" not in page
    assert "What was held against what" in page
    assert "Levels when it was proven" in page
