"""A planned conversion as people read it."""

from __future__ import annotations

from dataclasses import replace

from toolkit.core.coverage import Reason
from toolkit.core.planned import PlannedConversion, PlannedExport
from toolkit.report.planned import summarize_export, summarize_plan

PLAN = PlannedConversion(
    source="model.pt",
    out="out",
    task="ctc",
    architectures=("Wav2Vec2ForCTC",),
    carries_code=False,
    parameters=12,
    files={"a.safetensors": 2_500_000_000, "b.safetensors": 500},
    free_bytes=9_000_000,
    assumptions=(Reason(name="heads", because="assumed 12"),),
    unverified_because=None,
    comparison="2 clips, each in every way; about 3 min",
    seconds=170.0,
    next="toolkit convert model.pt out",
)


def test_a_plan_says_files_room_proof_and_what_to_type() -> None:
    said = summarize_plan(PLAN, 100)
    assert "becomes   Wav2Vec2ForCTC, stock transformers classes; task ctc\n" in said
    assert "file      a.safetensors, 2.5 GB\nfile      b.safetensors, 500 bytes\n" in said
    assert "room      2.5 GB of 9 MB, free now" in said
    assert "proof     2 clips, each in every way; about 3 min\n" in said
    assert "assumed   heads: assumed 12\n" in said
    assert said.endswith("next      toolkit convert model.pt out")


def test_a_plan_without_a_proof_says_why() -> None:
    said = summarize_plan(replace(PLAN, unverified_because="`--no-verify` was given"), 100)
    assert "proof     none: `--no-verify` was given\n" in said


def test_of_many_files_a_few_are_named_and_the_rest_is_counted() -> None:
    files = {f"{number}.safetensors": 5 for number in range(9)}
    said = summarize_plan(replace(PLAN, files=files), 100)
    assert said.count("file      ") == 3
    assert "and 6 files of weights more\n" in said


def test_a_plan_says_where_the_system_does_not_tell_the_room() -> None:
    assert "2.5 GB; the system does not say" in summarize_plan(replace(PLAN, free_bytes=None), 100)


def test_a_folder_with_code_of_its_own_is_told() -> None:
    said = summarize_plan(replace(PLAN, carries_code=True), 100)
    assert "classes that the folder carries" in said


def test_a_plan_counts_all_its_files() -> None:
    assert PLAN.num_bytes == 2_500_000_500
    assert PLAN.to_dict()["dry_run"] is True


EXPORT = PlannedExport(
    source="hf",
    out="back.pt",
    like=None,
    num_bytes=2_500_000,
    beside=("dict.txt",),
    kept=(Reason(name="mask_emb", because="zeros: nothing is masked"),),
    free_bytes=9_000_000,
    unverified_because=None,
    next="toolkit export hf back.pt",
)


def test_a_planned_export_says_settings_files_what_is_filled_room_and_proof() -> None:
    assert summarize_export(EXPORT, 100).split("\n") == [
        "writes    nothing now; back.pt if it is run without `--dry-run`",
        "settings  as the folder's configuration says",
        "beside    dict.txt",
        "kept      mask_emb, zeros: nothing is masked",
        "room      2.5 MB of 9 MB, free now",
        "proof     all levels, before it appears",
        "next      toolkit export hf back.pt",
    ]
