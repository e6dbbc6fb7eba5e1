"""fairseq's model of filter banks, asked as fairseq's own data set would ask it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tests.variants.s2t_building import build_s2t
from tests.variants.s2t_kinds import S2T_VARIANTS
from toolkit.core.errors import BadInput
from toolkit.oracle.mends import kaldi
from toolkit.oracle.reference import Reference
from toolkit.oracle.search import Search
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.reference import open_reference

BY_NAME = {variant.name: variant for variant in S2T_VARIANTS}
TAG = 183


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    variant = BY_NAME["by corpus, then by clip"]
    return prepare(Inputs(checkpoint=build_s2t(variant, tmp_path_factory.mktemp("s2t"))))


@pytest.fixture(scope="module")
def reference(prepared: Prepared) -> Iterator[Reference]:
    with open_reference(prepared) as opened:
        yield opened


def test_the_front_end_is_that_of_fairseqs_data_set(reference, clip, tmp_path, monkeypatch) -> None:
    """Which reads a file, and looks for statistics where the process runs."""
    import soundfile
    from fairseq.data.audio import audio_utils
    from fairseq.data.audio.speech_to_text_dataset import SpeechToTextDataset

    waveform = np.round(clip("tiny").waveform * 2**15) / 2**15
    soundfile.write(tmp_path / "clip.wav", waveform, 16000, subtype="PCM_16")
    monkeypatch.setattr(
        audio_utils, "convert_waveform", lambda waveform, rate, **_: (waveform, rate)
    )
    monkeypatch.chdir(reference.task.args.data)
    config = reference.task.data_cfg
    config.config["global_cmvn"]["stats_npz_path"] = "gcmvn.npz"
    data = SpeechToTextDataset(
        "test",
        is_train_split=False,
        cfg=config,
        audio_paths=[str(tmp_path / "clip.wav")],
        n_frames=[len(waveform)],
        tgt_texts=["a"],
        tgt_langs=["en"],
        tgt_dict=reference.dictionary,
    )
    with kaldi.kaldi_alone():
        expected = data[0].source
    heard = reference.front_end(torch.from_numpy(waveform.astype(np.float32)))
    assert torch.equal(heard, expected)


def test_a_search_hears_frames(reference, clip) -> None:
    source = reference.front_end(torch.from_numpy(clip("tiny").waveform))
    found = reference.search(source, Search(beam=2, max_len_b=6), TAG)
    assert len(found) == 2
    assert found[0].tokens[0] == TAG
    assert found[0].score >= found[1].score


def test_a_padded_batch_is_heard_frame_by_frame(reference, clip) -> None:
    """Convolutions read beyond the end of a clip: alone it is heard a little otherwise."""
    long, short = (
        reference.front_end(torch.from_numpy(clip(name).waveform)) for name in ("ru_2", "tiny")
    )
    made = reference.forward([long, short], [(2, TAG), (2, TAG)], only=())
    frames = 1 + (len(long) - 1) // 4
    assert made.outputs["encoder_out"].shape == (2, frames, 16)
    (alone,) = reference.forward([long], [(2, TAG)], only=()).logits
    assert torch.allclose(made.logits[0], alone, atol=1e-5)


def test_without_torchaudio_a_proof_is_refused(prepared, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(kaldi, "ASIDE", str(tmp_path))
    with pytest.raises(BadInput, match="`torchaudio` must be installed"), open_reference(prepared):
        pass


def test_weights_that_do_not_fit_are_refused(prepared) -> None:
    task = prepared.task
    other = {**task.reference_settings, "encoder_ffn_embed_dim": 8}
    wrong = dataclasses.replace(prepared, task=dataclasses.replace(task, reference_settings=other))
    with pytest.raises(BadInput, match="fairseq itself can build"), open_reference(wrong):
        pass
