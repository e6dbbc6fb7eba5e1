from dataclasses import replace

import pytest
import torch
from fairseq.models.speech_to_text.hub_interface import S2THubInterface

from tests.oracle.masks import padding_mask
from toolkit.oracle.reference import Reference, pad
from toolkit.oracle.refusal import Refusal
from toolkit.oracle.search import Search, with_beam


@pytest.fixture(scope="module")
def greedy(prepared):
    return with_beam(prepared.task.search, 1)


def attention_flags(model):
    from fairseq.modules import MultiheadAttention

    return [m.skip_embed_dim_check for m in model.modules() if isinstance(m, MultiheadAttention)]


def test_float32_weights_survive_a_float64_pass_bit_for_bit(reference, run):
    before = {name: tensor.clone() for name, tensor in reference.model.state_dict().items()}
    forced = reference.forward([run.source], [run.prefix], double=True)
    assert forced.logits.dtype is torch.float64
    after = reference.model.state_dict()
    assert all(
        after[name].dtype is tensor.dtype and after[name].equal(tensor)
        for name, tensor in before.items()
    )


def test_a_float64_pass_is_far_more_exact_than_float32(reference, run):
    exact = reference.forward([run.source], [run.prefix], double=True, explicit=True).logits
    fused = reference.forward([run.source], [run.prefix], double=True).logits
    single = reference.forward([run.source], [run.prefix]).logits
    assert (exact - fused).abs().max() < 1e-12
    assert (exact - single).abs().max() > 1e-8


@pytest.mark.parametrize("double", [False, True])
def test_precision_and_attention_are_restored_when_the_pass_fails(reference, run, double):
    before = attention_flags(reference.model)
    with pytest.raises(Refusal, match="IndexError"):
        reference.forward([run.source], [[2, 100_000]], double=double, explicit=True)
    assert attention_flags(reference.model) == before
    assert {p.dtype for p in reference.model.parameters()} == {torch.float32}


def test_explicit_attention_makes_the_projections_fire_and_is_undone(reference, run):
    before = attention_flags(reference.model)
    explicit = reference.forward([run.source], [run.prefix], explicit=True)
    assert attention_flags(reference.model) == before
    fused = reference.forward([run.source], [run.prefix])
    path = "decoder.layers.0.self_attn.q_proj"
    assert len(explicit.calls[path]) == 1
    assert path not in fused.calls
    assert (explicit.logits - fused.logits).abs().max() < 1e-4


def test_the_front_end_is_layer_norm_of_the_waveform(reference, clip):
    waveform = torch.from_numpy(clip("ru_2").waveform)
    expected = torch.nn.functional.layer_norm(waveform, waveform.shape)
    assert reference.front_end(waveform).equal(expected)


def test_a_greedy_hypothesis_begins_with_the_tag_and_ends_with_the_end(reference, run, greedy):
    (hypothesis,) = reference.search(run.source, greedy, 188)
    assert hypothesis.tokens[0] == 188
    assert hypothesis.tokens[-1] == 2
    assert reference.text(hypothesis.tokens) == "Ёжик ест яблоко."


def test_the_greedy_hypothesis_is_the_argmax_of_teacher_forcing(reference, run, greedy):
    (hypothesis,) = reference.search(run.source, greedy, 188)
    prefix = (reference.start_token, *hypothesis.tokens[:-1])
    logits = reference.forward([run.source], [prefix]).logits[0]
    assert tuple(logits.argmax(-1).tolist()[1:]) == hypothesis.tokens[1:]


def test_a_score_is_the_mean_log_probability_tag_and_end_included(reference, run, greedy):
    (hypothesis,) = reference.search(run.source, greedy, 188)
    prefix = (reference.start_token, *hypothesis.tokens[:-1])
    chances = reference.forward([run.source], [prefix]).logits[0].log_softmax(-1)
    expected = chances.gather(1, torch.tensor(hypothesis.tokens).unsqueeze(1)).mean()
    assert hypothesis.score == pytest.approx(float(expected), abs=1e-5)


def test_a_beam_gives_as_many_hypotheses_best_first(reference, run, prepared):
    found = reference.search(run.source, with_beam(prepared.task.search, 5), 188)
    scores = [hypothesis.score for hypothesis in found]
    assert len({hypothesis.tokens for hypothesis in found}) == 5
    assert scores == sorted(scores, reverse=True)


def test_a_tag_is_the_prefix_that_fairseq_itself_makes_of_the_language(reference):
    assert S2THubInterface.get_prefix_token(reference.task, "ru").tolist() == [[188]]


def test_without_a_tag_nothing_is_forced(reference, run, greedy):
    (free,) = reference.search(run.source, greedy)
    (forced,) = reference.search(run.source, greedy, 188)
    assert free.tokens[0] != forced.tokens[0] == 188


def test_text_leaves_out_tags_that_only_the_caller_knows(reference):
    ids = reference.encode("Ёжик")
    knowing = Reference(reference.task, reference.model, tags=ids[:1])
    assert knowing.text(ids) == reference.text(ids[1:])


def test_another_language_changes_the_tag(reference, run, greedy):
    (hypothesis,) = reference.search(run.source, greedy, 182)
    assert hypothesis.tokens[0] == 182


def test_the_longest_hypothesis_ends_by_force(reference, run):
    (hypothesis,) = reference.search(run.source, Search(beam=1, max_len_b=4), 188)
    assert len(hypothesis.tokens) == 5
    assert hypothesis.tokens[-1] == 2


def test_text_strips_tags_and_the_end(reference):
    ids = reference.encode("Ёжик ест яблоко.")
    assert reference.text((188, *ids, 2)) == reference.text(ids) == "Ёжик ест яблоко."


def test_encode_gives_neither_tag_nor_end_and_unknown_for_foreign_symbols(reference):
    ids = reference.encode("El niño come 漢.")
    assert 2 not in ids
    assert not set(range(182, 189)) & set(ids)
    assert 3 in ids


def test_an_odd_number_of_frames_is_even_inside_the_layers_and_odd_after(reference, run):
    calls = reference.forward([run.source], [run.prefix]).calls
    stack = "encoder.w2v_encoder.w2v_model.encoder"
    layer = calls[f"{stack}.layers.0"][0].outputs["0"]
    after = calls[f"{stack}.layer_norm"][0].outputs[""]
    assert (layer.shape[0], after.shape[1]) == (54, 53)


def test_shorter_clips_are_padded_and_their_frames_masked(reference, run, clip):
    short = reference.front_end(torch.from_numpy(clip("tiny").waveform))
    forced = reference.forward([run.source, short], [run.prefix, run.prefix[:2]])
    assert forced.logits.shape == (2, len(run.prefix), 189)
    assert padding_mask(forced).tolist() == [
        [False] * 7,
        [False] + [True] * 6,
    ]


def test_pad_fills_the_end_of_shorter_rows_and_tells_lengths():
    batch, lengths = pad([torch.tensor([1, 2, 3]), torch.tensor([4])], 9)
    assert batch.tolist() == [[1, 2, 3], [4, 9, 9]]
    assert lengths.tolist() == [3, 1]


def test_a_module_is_asked_once_more_in_float64_what_a_pass_has_asked_it(reference, run):
    path = "encoder.w2v_encoder.w2v_model.encoder.layers.2.fc1"
    given = ([run.source], [run.prefix])
    heard = reference.forward(*given, only=(path,))
    (call,) = reference.again(*given, heard=heard, only=(path,))[path]
    weights = reference.model.get_submodule(path)
    (received,) = heard.calls[path][0].inputs.values()
    (answered,) = call.outputs.values()
    exact = received.double() @ weights.weight.double().T + weights.bias.double()
    torch.testing.assert_close(answered, exact, rtol=1e-12, atol=1e-12)
    assert next(iter(call.inputs.values())).equal(received.double())
    assert weights.weight.dtype is torch.float32


def test_a_module_that_a_pass_did_not_watch_has_nothing_to_answer_again(reference, run):
    given = ([run.source], [run.prefix])
    heard = reference.forward(*given, only=())
    assert reference.again(*given, heard=heard, only=("decoder",)) == {"decoder": []}


def test_the_dictionary_is_gone_through_once_for_searches_that_differ_in_length(
    reference, run, greedy, monkeypatch
):
    built = []
    build = reference.task.build_generator
    fresh = Reference(reference.task, reference.model)

    def counted(models, args):
        built.append(args.max_len_b)
        return build(models, args)

    monkeypatch.setattr(reference.task, "build_generator", counted)
    searches = [replace(greedy, max_len_b=most, capped=True) for most in (3, 30, 3)]
    found = [fresh.search(run.source, search, run.tag) for search in searches]
    assert built == [3]
    assert [len(hypotheses[0].tokens) for hypotheses in found] == [4, len(run.said.reference), 4]
    assert found[0] == found[2]
    fresh.search(run.source, with_beam(greedy, 2), run.tag)
    assert len(built) == 2
