"""fairseq's model with a decoder of letters, built from what a checkpoint holds and asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.variants.ctc_building import BuiltCtc, build_ctc
from tests.variants.ctc_kinds import as_namespace
from tests.variants.seq2seq_kinds import SEQ2SEQ_VARIANTS
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.search import Search
from toolkit.oracle.tasks import open_task
from toolkit.oracle.tasks.speech_seq2seq.letters import LettersReference, read_decoder

(WIDE,) = (v for v in SEQ2SEQ_VARIANTS if v.name == "letters, wider decoder")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltCtc:
    return build_ctc(WIDE, tmp_path_factory.mktemp("letters"))


def reopened(built: BuiltCtc, **settings: object) -> LettersReference:
    saved = torch.load(built.path, weights_only=False)["cfg"]
    said = {**saved["task"], **saved["model"], "data": "/datasets", **settings}
    state = dict(built.model.state_dict())
    with quiet_fairseq():
        opened = open_task("speech_seq2seq", said, state, str(built.path.parent))
    assert isinstance(opened, LettersReference)
    return opened


def test_a_dictionary_of_letters_opens_the_very_model_that_was_saved(built: BuiltCtc) -> None:
    source = torch.randn(9000)
    prefix = torch.tensor([[2, 5, 6, 4]])
    made = reopened(built).forward([source], [prefix[0].tolist()])
    with torch.no_grad():
        logits, _ = built.model(
            source=source[None],
            padding_mask=torch.zeros(1, 9000, dtype=torch.bool),
            prev_output_tokens=prefix,
        )
    assert torch.equal(made.logits, logits)
    assert made.outputs["encoder_out"].shape == (1, 27, 48)


def test_a_width_of_2020_for_what_the_decoder_attends_to_does_not_count(built: BuiltCtc) -> None:
    assert reopened(built, encoder_embed_dim=512).model.decoder.layers[0] is not None


def test_the_tensors_tell_the_decoder() -> None:
    state = {
        "decoder.embed_tokens.weight": torch.empty(30, 48),
        "decoder.embed_positions.weight": torch.empty(66, 48),
        "decoder.layers.0.fc1.weight": torch.empty(64, 48),
        "decoder.layers.11.fc1.weight": torch.empty(64, 48),
        "decoder.layer_norm.weight": torch.empty(48),
    }
    assert read_decoder(state) == {
        "decoder_embed_dim": 48,
        "encoder_embed_dim": 48,
        "decoder_ffn_embed_dim": 64,
        "decoder_layers": 2,
        "decoder_learned_pos": True,
        "decoder_normalize_before": True,
        "share_decoder_input_output_embed": True,
        "max_target_positions": 64,
    }


def test_a_shorter_clip_of_a_batch_is_masked(built: BuiltCtc) -> None:
    reference = reopened(built)
    long, short = torch.randn(9000), torch.randn(5000)
    alone = reference.forward([short], [[2, 5]]).logits
    both = reference.forward([long, short], [[2, 5, 6], [2, 5]]).logits
    torch.testing.assert_close(both[1:, :2], alone, rtol=0, atol=2e-5)


def test_a_search_ends_with_the_end_of_a_sentence_and_reads_as_words(built: BuiltCtc) -> None:
    reference = reopened(built)
    found = reference.search(torch.randn(5000), Search(beam=3, max_len_b=6))
    assert [hypothesis.tokens[-1] for hypothesis in found] == [2, 2, 2]
    assert reference.text((*reference.encode("SO  IT IS"), 2)) == "SO IT IS"
    assert reference.text((5, 3, 0, 6, 2)) == "ET"


def test_what_the_model_hears_is_as_the_task_says(built: BuiltCtc) -> None:
    waveform = torch.randn(5000) * 0.1
    assert reopened(built).front_end(waveform).std() > 0.9
    plain = reopened(built, task_normalize=False).front_end(waveform)
    assert torch.equal(plain, waveform)


def test_a_namespace_of_2020_opens_too(tmp_path: Path) -> None:
    built = build_ctc(replace(WIDE, save=as_namespace), tmp_path)
    args = torch.load(built.path, weights_only=False)["args"]
    said = {**vars(args), "w2v_args": vars(args.w2v_args)}
    with quiet_fairseq():
        opened = open_task("speech_seq2seq", said, built.model.state_dict(), str(tmp_path))
    assert opened.start_token == 2
