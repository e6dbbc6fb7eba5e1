import math
import shutil
from dataclasses import replace

import pytest
import torch
from fairseq.sequence_generator import SequenceGenerator
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForSpeechSeq2Seq, GenerationConfig, GenerationMixin
from transformers.generation import SuppressTokensLogitsProcessor

from tests.bundled.fakes import Chance, FairseqFake, TransformersFake, make_dictionary
from tests.bundled.searches import (
    differences,
    from_fairseq,
    from_reference,
    from_transformers,
    in_transformers_words,
)
from tests.sampling import all_but, slow
from toolkit.bundled import GENERATION
from toolkit.bundled.generation import generate
from toolkit.oracle.search import Search
from toolkit.replay.target import quiet_transformers

SCORE = 1e-5
SHORT = ("ru_2", "tiny", "stereo_44k")
SEARCHES = {
    "default": Search(beam=5),
    "greedy": Search(beam=1),
    "wide": Search(beam=10),
    "short_favoured": Search(beam=5, lenpen=0.5),
    "long_favoured": Search(beam=5, lenpen=2.0),
    "at_most_six": Search(beam=5, max_len_b=6),
    "at_most_one": Search(beam=5, max_len_b=1),
    "none": Search(beam=5, max_len_b=0, min_len=0),
    "at_least_thirty": Search(beam=5, min_len=30, max_len_b=40),
    "no_bigram_twice": Search(beam=5, min_len=30, max_len_b=40, no_repeat_ngram_size=2),
    "no_trigram_twice": Search(beam=5, min_len=30, max_len_b=40, no_repeat_ngram_size=3),
    "unknown_favoured": Search(beam=5, unkpen=-8.0, max_len_b=20),
    "flat": Search(beam=5, temperature=2.0),
    "by_length": Search(beam=5, max_len_a=0.0005, max_len_b=2),
}


@pytest.fixture(scope="module")
def tags(prepared):
    return prepared.task.contents.language_tags


@pytest.fixture(scope="module")
def source(reference, clip):
    """The network's input for a clip, by its name."""
    return lambda name: reference.front_end(torch.from_numpy(clip(name).waveform))


@pytest.fixture(scope="module")
def found(target, source):
    """The hypotheses of `generate` for one clip."""

    def find(name, tag=188, **arguments):
        given = {"num_beams": 5, "num_return_sequences": 5, "forced_bos_token_id": tag}
        (hypotheses,) = from_transformers(
            target.model, source(name).unsqueeze(0), **{**given, **arguments}
        )
        return hypotheses

    return find


@pytest.fixture(scope="module")
def compared(reference, found, source):
    """How far the lists of both sides are apart: whether they differ, and the scores."""

    def compare(name, search, tag, **arguments):
        return differences(
            from_reference(reference, source(name), search, tag),
            found(name, tag, **{**in_transformers_words(search), **arguments}),
        )

    return compare


@pytest.mark.parametrize("tagged", [pytest.param(True, id="tag"), slow(False, id="no_tag")])
@pytest.mark.parametrize("name", all_but(("wide", "no_trigram_twice", "long_favoured"), SEARCHES))
def test_lists_are_fairseqs(name, tagged, compared, clip, tags):
    for short in SHORT:
        tag = tags[clip(short).lang] if tagged else None
        differs, score = compared(short, SEARCHES[name], tag)
        assert not differs, short
        assert score < SCORE, short


@pytest.mark.slow
@pytest.mark.parametrize("tagged", [True, False], ids=["tag", "no_tag"])
@pytest.mark.parametrize("lenpen", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("beam", [1, 5, 10])
def test_lists_are_fairseqs_on_every_clip_with_every_setting(
    beam, lenpen, tagged, compared, clips, tags
):
    apart = {
        (clip.name, name): compared(
            clip.name,
            replace(search, beam=beam, lenpen=lenpen),
            tags[clip.lang] if tagged else None,
        )
        for clip in clips
        for name, search in SEARCHES.items()
        if (search.beam, search.lenpen) == (5, 1.0)
    }
    lists = sum(not differs for differs, _ in apart.values())
    worst = max(score for _, score in apart.values())
    print(f"{lists} of {len(apart)} lists equal, scores within {worst:.1e}")
    assert [key for key, (differs, _) in apart.items() if differs] == []
    assert worst < SCORE


def test_the_settings_of_the_grid_change_what_fairseq_finds(reference, source):
    # Otherwise equal lists would prove nothing of them.
    lists = {
        name: tuple(from_reference(reference, source("ru_2"), search, 188))
        for name, search in SEARCHES.items()
    }
    assert len(set(lists.values())) == len(lists)


def test_transformers_own_search_finds_another_list_on_some_clip(target, reference, source, tags):
    def differs(name):
        tag = tags[name[:2]]
        expected = from_reference(reference, source(name), Search(beam=5), tag)
        with quiet_transformers():
            output = GenerationMixin.generate(
                target.model,
                source(name).unsqueeze(0),
                num_beams=5,
                num_return_sequences=5,
                forced_bos_token_id=tag,
            )
        return [h.tokens for h in expected] != [target._trimmed(row) for row in output.tolist()]

    assert any(differs(name) for name in ("de_1", "en_1", "fr_1", "it_1", "pt_1", "ru_1"))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("long_favoured", {"length_penalty": 2.01}),
        ("at_least_thirty", {"min_new_tokens": 33}),
        ("at_most_six", {"max_length": 7}),
        ("no_trigram_twice", {"no_repeat_ngram_size": 2}),
        ("flat", {"temperature": 1.99}),
        ("unknown_favoured", {"fairseq_unk_penalty": -7.99}),
        ("by_length", {"fairseq_max_len_a": 0.0004}),
    ],
    ids=str,
)
def test_a_wrong_setting_is_seen(name, wrong, compared):
    differs, score = compared("ru_2", SEARCHES[name], 188, **wrong)
    assert differs or score > 10 * SCORE


def test_fairseqs_own_blocker_blocks_nothing_on_a_cpu():
    # Why the searches here repair it first.
    chance, inputs = Chance(vocabulary=8, spread=2.0, eagerness=-4.0), torch.zeros(1, 1)
    free, blocked = (
        Search(beam=3, max_len_b=20),
        Search(beam=3, max_len_b=20, no_repeat_ngram_size=2),
    )
    unrepaired = fake_fairseq(chance, 30, blocked, inputs, None, repaired=False)
    assert unrepaired == fake_fairseq(chance, 30, free, inputs, None)
    assert unrepaired != fake_fairseq(chance, 30, blocked, inputs, None)


def test_rows_are_padded_on_the_right_and_begin_with_the_start_token(target, source):
    rows = generate(source("ru_2")[None], model=target.model, num_return_sequences=5)
    assert rows.shape[0] == 5
    assert rows[:, 0].tolist() == [2] * 5
    lengths = [row.index(2, 1) + 1 for row in rows.tolist()]
    assert rows.shape[1] == max(lengths)
    assert all(row[length:].eq(1).all() for row, length in zip(rows, lengths, strict=True))


def test_settings_come_from_the_folder_a_config_or_the_arguments(target, source, found):
    inputs, model = source("ru_2")[None], target.model
    folder = generate(inputs, model=model, forced_bos_token_id=188)
    config = generate(inputs, GenerationConfig(num_beams=5, forced_bos_token_id=188), model=model)
    (best, *_) = found("ru_2")
    assert tuple(folder[0, 1:].tolist()) == tuple(config[0, 1:].tolist()) == best.tokens
    short = generate(inputs, model=model, forced_bos_token_id=188, max_new_tokens=4)
    assert short.shape == (1, 5)
    assert (short[0, 1], short[0, -1]) == (188, 2)


def test_fewer_hypotheses_than_beams_are_the_best_of_all(found):
    assert found("ru_2", num_return_sequences=2) == found("ru_2")[:2]


def test_a_search_that_finds_too_few_says_so(target, source):
    # After the tag of one beam, there is one end.
    output = generate(
        source("tiny")[None],
        model=target.model,
        num_return_sequences=3,
        max_length=3,
        return_dict_in_generate=True,
    )
    assert output.sequences[1:].tolist() == [[2, 1, 1]] * 2
    assert output.sequences_scores.isinf().tolist() == [False, True, True]


def test_one_beam_has_a_real_score(found, reference, source):
    (greedy,) = found("ru_2", num_beams=1, num_return_sequences=1)
    (expected,) = from_reference(reference, source("ru_2"), Search(beam=1), 188)
    assert greedy.tokens == expected.tokens
    assert greedy.score == pytest.approx(expected.score, abs=SCORE)


def test_without_a_cache_the_lists_are_the_same(found):
    differs, score = differences(found("ru_2"), found("ru_2", use_cache=False))
    assert not differs
    assert score < SCORE


def test_a_sentence_that_is_done_is_left_alone_while_others_go_on(target, source):
    # Equally long inputs, so that no padding is involved, whose lists end at different steps.
    sources = source("it_2")[:16_000], source("clipped")[:16_000]
    arguments = {"num_beams": 5, "num_return_sequences": 5, "forced_bos_token_id": 188}
    together = from_transformers(target.model, torch.stack(sources), **arguments)
    lengths = [max(len(h.tokens) for h in hypotheses) for hypotheses in together]
    assert lengths[0] < lengths[1]
    for one, hypotheses in zip(sources, together, strict=True):
        (alone,) = from_transformers(target.model, one[None], **arguments)
        differs, score = differences(alone, hypotheses)
        assert not differs
        assert score < SCORE


def test_the_longest_clip_of_a_padded_batch_is_not_disturbed(target, source, found):
    longer, shorter = source("pt_2"), source("ru_2")
    batch = torch.nn.utils.rnn.pad_sequence([longer, shorter], batch_first=True)
    mask = torch.ones_like(batch, dtype=torch.long)
    mask[1, shorter.numel() :] = 0
    first, second = from_transformers(
        target.model,
        batch,
        attention_mask=mask,
        num_beams=5,
        num_return_sequences=5,
        forced_bos_token_id=188,
    )
    differs, score = differences(found("pt_2"), first)
    assert not differs
    assert score < SCORE
    assert len(second) == 5


def test_a_longer_start_brings_its_own_tag(target, source, found):
    start = torch.tensor([[2, 188]])
    (hypotheses,) = from_transformers(
        target.model,
        source("ru_2")[None],
        decoder_input_ids=start,
        decoder_attention_mask=torch.ones_like(start),
        forced_bos_token_id=182,
    )
    assert hypotheses[0].tokens == found("ru_2")[0].tokens


def test_a_callers_own_processor_is_obeyed(found):
    second = found("ru_2")[0].tokens[1]
    banned = SuppressTokensLogitsProcessor([second])
    assert all(second not in h.tokens for h in found("ru_2", logits_processor=[banned]))


@pytest.mark.parametrize(
    "asked",
    [
        {"do_sample": True, "num_beams": 1},
        {"do_sample": True, "num_beams": 3},
        {"num_beams": 1, "prompt_lookup_num_tokens": 2},
        {"num_beams": 3, "max_time": 60.0},
        {"generation_config": GenerationConfig(do_sample=True, num_beams=1)},
    ],
    ids=str,
)
def test_what_fairseq_has_no_word_for_is_left_to_transformers(asked, target, source):
    with quiet_transformers():
        torch.manual_seed(0)
        expected = GenerationMixin.generate(target.model, source("ru_2")[None], **asked)
        torch.manual_seed(0)
        actual = generate(source("ru_2")[None], model=target.model, **asked)
    assert actual.equal(expected)


def test_a_streamer_is_left_to_transformers(target, source):
    class Streamer:
        def __init__(self):
            self.tokens = []
            self.ended = False

        def put(self, value):
            self.tokens += value.flatten().tolist()

        def end(self):
            self.ended = True

    streamer = Streamer()
    (row,) = generate(source("ru_2")[None], model=target.model, num_beams=1, streamer=streamer)
    assert streamer.ended
    assert streamer.tokens == row.tolist()


def test_a_model_that_computes_nothing_but_nan_finds_nothing():
    chance = Chance(vocabulary=10, spread=math.nan, eagerness=0.0)
    model = TransformersFake(chance, positions=9)
    assert from_transformers(model, torch.zeros(2, 1), num_beams=3, max_length=9) == [[], []]


@pytest.fixture
def carrying(converted, tmp_path, monkeypatch):
    """A folder that carries the search, and a place of its own for the copies of its code."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "hf"))
    monkeypatch.syspath_prepend(str(tmp_path / "hf"))
    folder = shutil.copytree(converted, tmp_path / "carrying")
    (folder / "custom_generate").mkdir(exist_ok=True)
    shutil.copyfile(GENERATION, folder / "custom_generate" / "generate.py")
    return folder


def test_a_folder_that_carries_the_search_uses_it_where_its_code_is_trusted(
    carrying, source, found
):
    with quiet_transformers():
        model = AutoModelForSpeechSeq2Seq.from_pretrained(carrying, trust_remote_code=True)
        output = model.generate(
            source("ru_2")[None],
            forced_bos_token_id=188,
            num_return_sequences=5,
            return_dict_in_generate=True,
        )
    expected = found("ru_2")
    assert model.generate.func.__module__ != generate.__module__
    assert model.generate.func.__name__ == generate.__name__
    assert output.sequences_scores.tolist() == [h.score for h in expected]


def test_the_search_of_a_folder_can_be_asked_for_by_name(carrying, target, source, found):
    with quiet_transformers():
        output = target.model.generate(
            source("ru_2")[None],
            custom_generate=str(carrying),
            trust_remote_code=True,
            forced_bos_token_id=188,
            return_dict_in_generate=True,
        )
    assert output.sequences_scores.tolist() == [found("ru_2")[0].score]


@settings(max_examples=200)
@given(data=st.data())
def test_any_search_of_any_model_is_fairseqs(data):
    vocabulary = data.draw(st.integers(6, 30), "vocabulary")
    positions = data.draw(st.integers(2, 12), "positions")
    longest = min(data.draw(st.integers(1, 12), "max_len_b"), positions - 1)
    search = Search(
        beam=data.draw(st.integers(1, min(6, vocabulary - 1)), "beam"),
        lenpen=data.draw(st.sampled_from([0.0, 0.5, 1.0, 2.0]), "lenpen"),
        max_len_b=data.draw(st.sampled_from([longest, longest + positions]), "max_len_b"),
        min_len=data.draw(st.integers(0, longest), "min_len"),
        no_repeat_ngram_size=data.draw(st.sampled_from([0, 0, 2, 3]), "ngram"),
        unkpen=data.draw(st.sampled_from([0.0, 1.5]), "unkpen"),
        temperature=data.draw(st.sampled_from([1.0, 0.5, 3.0]), "temperature"),
    )
    tag = data.draw(st.none() | st.integers(4, vocabulary - 1), "tag")
    batch = data.draw(st.integers(1, 3), "batch")
    seeds = data.draw(st.lists(st.integers(0, 99), min_size=batch, max_size=batch), "seeds")
    chance = Chance(
        vocabulary,
        spread=data.draw(st.sampled_from([0.5, 2.0, 8.0]), "spread"),
        eagerness=data.draw(st.sampled_from([-2.0, 0.0, 3.0]), "eagerness"),
    )
    inputs = torch.tensor(seeds, dtype=torch.float32)[:, None]
    expected = fake_fairseq(chance, positions, search, inputs, tag)
    actual = from_transformers(
        TransformersFake(chance, positions),
        inputs,
        forced_bos_token_id=tag,
        **in_transformers_words(search),
    )
    assert [[h.tokens for h in hypotheses] for hypotheses in actual] == [
        [h.tokens for h in hypotheses] for hypotheses in expected
    ]
    for left, right in zip(expected, actual, strict=True):
        assert differences(left, right)[1] < SCORE


def test_an_end_that_repeats_an_end_is_blocked_though_it_is_forced():
    """Fewer pieces than twice the beam: fairseq goes on behind an end, and then blocks the next."""
    search = Search(beam=5, lenpen=0.0, max_len_b=1, min_len=0, no_repeat_ngram_size=2)
    chance, inputs = Chance(6, spread=0.5, eagerness=-2.0), torch.tensor([[4.0]])
    (expected,) = fake_fairseq(chance, 2, search, inputs, None)
    words = in_transformers_words(search)
    (actual,) = from_transformers(TransformersFake(chance, 2), inputs, **words)
    assert [h.tokens for h in actual] == [h.tokens for h in expected]
    assert (2, 2) not in [h.tokens for h in actual]


def fake_fairseq(chance, positions, search, inputs, tag, *, repaired=True):
    model = FairseqFake(chance, positions)
    generator = SequenceGenerator(
        [model],
        make_dictionary(chance.vocabulary),
        beam_size=search.beam,
        len_penalty=search.lenpen,
        max_len_b=search.max_len_b,
        min_len=search.min_len,
        no_repeat_ngram_size=search.no_repeat_ngram_size,
        unk_penalty=search.unkpen,
        temperature=search.temperature,
    )
    return from_fairseq(generator, model, inputs, tag, repaired=repaired)


def test_a_list_of_one_end_is_that_end(found):
    assert found("ru_2", eos_token_id=[2]) == found("ru_2")
