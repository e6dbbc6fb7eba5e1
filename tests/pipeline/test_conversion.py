"""What `convert` promises beside the proof: nothing heavy, progress, shards, another dtype."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial

import pytest
from safetensors import safe_open

from tests.families.test_hubert_ctc import BY_NAME as HUBERT_LETTERS
from tests.families.test_hubert_pretraining import BY_NAME as HUBERT
from tests.families.test_wav2vec2_ctc import BY_NAME as LETTERS
from tests.families.test_wav2vec2_pretraining import BY_NAME as CODES
from tests.sampling import slow, wide
from tests.variants.bare_kinds import (
    BARE_HUBERT_VARIANTS,
    BARE_VARIANTS,
    DATA2VEC_PRETRAINING_VARIANTS,
    UNISPEECH_VARIANTS,
    WAVLM_VARIANTS,
)
from tests.variants.class_kinds import CLASS_VARIANTS
from tests.variants.ctc_building import build_ctc
from tests.variants.pretraining_building import build_pretraining
from tests.variants.seq2seq_kinds import SEQ2SEQ_VARIANTS
from toolkit import BadInput, convert, verify
from toolkit.audio import golden_folder
from toolkit.families import families
from toolkit.folder.digest import combine, folder_digests
from toolkit.folder.shards import INDEX_NAME
from toolkit.pipeline.golden import golden_of

LANGUAGES = "wav2vec2_ctc_languages"
SPELLED = {variant.name: variant for variant in SEQ2SEQ_VARIANTS}
HEAVY = "{'torch', 'transformers', 'fairseq'} & set(sys.modules)"


BUILT = {
    "data2vec_pretraining": partial(build_pretraining, DATA2VEC_PRETRAINING_VARIANTS[0]),
    "wav2vec2_classification": partial(build_ctc, CLASS_VARIANTS[0]),
    "hubert_encoder": partial(build_pretraining, BARE_HUBERT_VARIANTS[0]),
    "wav2vec2_encoder": partial(build_pretraining, BARE_VARIANTS[0]),
    "wav2vec2_ctc": partial(build_ctc, LETTERS["group norm"]),
    "hubert_ctc": partial(build_ctc, HUBERT_LETTERS["HuBERT, layer norm"]),
    "wav2vec2_pretraining": partial(build_pretraining, CODES["layer norm"]),
    "hubert_pretraining": partial(build_pretraining, HUBERT["HuBERT, group norm"]),
    "unispeech": partial(build_pretraining, UNISPEECH_VARIANTS[0]),
    "unispeech_sat": partial(build_pretraining, UNISPEECH_VARIANTS[6]),
    "wavlm": partial(build_pretraining, WAVLM_VARIANTS[0]),
    LANGUAGES: lambda _: golden_of(LANGUAGES),
    "wav2vec2_seq2seq": partial(build_ctc, SPELLED["letters, learned positions"]),
    "xm_transformer": lambda _: golden_folder() / "checkpoint" / "model.pt",
    "s2t_transformer": lambda _: golden_folder() / "s2t" / "model.pt",
    "s2ut_transformer": lambda _: golden_folder() / "s2ut" / "model.pt",
    "mbart": lambda _: golden_of("mbart"),
    "bart": lambda _: golden_of("bart"),
    "m2m_100": lambda _: golden_of("m2m_100"),
    "s2t_conformer": lambda _: golden_of("s2t_conformer"),
    "code_hifigan": lambda _: golden_of("code_hifigan"),
    "hifigan": lambda _: golden_of("hifigan"),
}


COMPUTES = ("code_hifigan", "hifigan")
"""Families of which a conversion computes: weight norms are taken off by torch."""
FAST = ("xm_transformer", "wav2vec2_ctc", "hubert_pretraining", LANGUAGES)
CARRIED = ("s2t_conformer",)
"""Families that every folder carries code for, which is asked for its tensors itself."""


@pytest.mark.parametrize(
    "family",
    [
        name if name in FAST else wide(name)
        for name in (*(family.name for family in families()), LANGUAGES)
        if name not in (*COMPUTES, *CARRIED)
    ],
)
def test_a_conversion_without_proof_imports_nothing_heavy(family, tmp_path):
    built = BUILT[family](tmp_path)
    checkpoint = getattr(built, "path", built)
    code = (
        "import sys\n"
        "from toolkit.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as ended:\n"
        "    assert ended.code == 0, ended.code\n"
        f"assert not {HEAVY}, {HEAVY}\n"
    )
    arguments = ["convert", str(checkpoint), str(tmp_path / "out"), "--no-verify"]
    reported = ["--json", str(tmp_path / "result.json")]
    subprocess.run([sys.executable, "-c", code, *arguments, *reported], check=True)
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_it_writes_what_a_conversion_with_the_model_at_hand_writes(
    golden_checkpoint, converted, tmp_path
):
    convert(golden_checkpoint, tmp_path / "out", verify=False)
    for file in converted.iterdir():
        if file.is_file():
            assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_named_value_is_held_against_transformers(golden_checkpoint, tmp_path):
    with pytest.raises(BadInput, match="a model that transformers can build"):
        convert(
            golden_checkpoint,
            tmp_path / "out",
            verify=False,
            encoder_config={"num_attention_heads": 5},
        )
    assert os.listdir(tmp_path) == []


def test_source_and_folder_are_named_by_their_hashes(golden_checkpoint, prepared, tmp_path):
    result = convert(golden_checkpoint, tmp_path / "out", verify=False).to_dict()
    assert result["source"]["sha256"] == prepared.checkpoint.sha256()
    assert result["target"]["sha256"] == combine(folder_digests(tmp_path / "out"))
    assert result["target"]["sha256"] in (tmp_path / "out" / "README.md").read_text()


def test_progress_is_told_in_steps_and_bytes(golden_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("toolkit.folder.write._INTERVAL_S", 0)
    heard = []
    convert(
        golden_checkpoint,
        tmp_path / "out",
        verify=False,
        progress=lambda *step: heard.append(step),
    )
    assert heard[0] == ("reading the checkpoint", 0, 1)
    amounts = [step for step in heard if step[3:] == ("bytes",)]
    total = (tmp_path / "out" / "model.safetensors").stat().st_size
    assert all(what == "copying the weights" for what, *_ in amounts)
    assert all(done <= total and all_ <= total for _, done, all_, _ in amounts)


def test_shards_carry_an_index_and_are_proven_like_one_file(golden_checkpoint, tmp_path):
    result = convert(
        golden_checkpoint,
        tmp_path / "out",
        verify=True,
        max_shard_bytes=300_000,
        audio=[clip_path(golden_checkpoint)],
    )
    assert result.verdict == "match"
    index = json.loads((tmp_path / "out" / INDEX_NAME).read_text())
    assert len(set(index["weight_map"].values())) > 3


@pytest.mark.wide
@pytest.mark.parametrize("dtype", [slow("float16"), "bfloat16"])
def test_another_dtype_is_proven_as_if_the_checkpoint_had_it(golden_checkpoint, tmp_path, dtype):
    out, audio = tmp_path / "out", [clip_path(golden_checkpoint)]
    result = convert(golden_checkpoint, out, verify=True, dtype=dtype, audio=audio)
    assert result.verdict == "match"
    assert json.loads((out / "config.json").read_text())["dtype"] == dtype
    with safe_open(out / "model.safetensors", framework="pt") as file:
        found = {str(file.get_slice(name).get_dtype()) for name in file.keys()}  # noqa: SIM118
    assert found == {{"float16": "F16", "bfloat16": "BF16"}[dtype]}
    assert f"--dtype {dtype}" in result.reproduce
    assert verify(golden_checkpoint, out, dtype=dtype, audio=audio).verdict == "match"
    assert verify(golden_checkpoint, out, audio=audio).verdict == "mismatch"


def test_an_unknown_dtype_is_refused(golden_checkpoint, tmp_path):
    with pytest.raises(BadInput, match=r"`--dtype` must be one of .*, but is 'int8'"):
        convert(golden_checkpoint, tmp_path / "out", verify=False, dtype="int8")
    assert os.listdir(tmp_path) == []


def clip_path(golden_checkpoint):
    return golden_checkpoint.parent.parent / "ru_2.flac"
