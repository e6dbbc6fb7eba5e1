from dataclasses import replace

import pytest
import torch

from tests.faults.breaking import add, change, remove, scale, set_key, swap_rows, unmark
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, UNK, Dictionary
from toolkit.compare.keys import config_differences
from toolkit.compare.static import (
    PROBE_TEXTS,
    config_level,
    probe_texts,
    vocabulary_level,
    weight_errors,
    weights_level,
    wrong_encodings,
    wrong_rows,
    wrong_special_tokens,
)
from toolkit.folder.tokenizer import build_tokenizer
from toolkit.replay.target import Target

Q_PROJ = "encoder.encoder.layers.1.attention.q_proj.weight"
POS_CONV = "encoder.encoder.pos_conv_embed.conv.parametrizations.weight."


@pytest.fixture
def weights(prepared):
    def judge(target):
        return weights_level(weight_errors(prepared.plan, prepared.checkpoint, target), target)

    return judge


@pytest.fixture(scope="module")
def contents(prepared):
    return prepared.task.contents


def test_a_right_folder_passes_the_static_levels(weights, contents, reference, target):
    assert weights(target).verdict == "pass"
    assert config_level(contents, target).verdict == "pass"
    assert vocabulary_level(contents, reference, target, ["Ёжик"]).verdict == "pass"


def test_every_tensor_is_compared_and_weight_norm_as_one(weights, target, prepared):
    measures = {m.name: m.compared for m in weights(target).measures}
    assert measures["tensors"] + measures["effective weights"] == len(prepared.plan.targets) - 1
    assert measures["effective weights"] == 1


def test_the_slightest_change_of_one_element_fails_the_weights(weights, broken):
    change(Q_PROJ, lambda t: torch.nextafter(t, torch.tensor(9.0)))(broken)
    level = weights(Target(broken))
    assert level.verdict == "fail"
    assert level.worst.where == Q_PROJ
    assert 0 < level.worst.error < 1e-6


def test_one_element_off_by_a_thousandth_fails_the_weights_there(weights, broken):
    scale(Q_PROJ, 1.001, index=77)(broken)
    level = weights(Target(broken))
    assert (level.verdict, level.worst.where) == ("fail", Q_PROJ)


def test_a_tensor_missing_from_the_file_fails_the_weights(weights, broken):
    remove("encoder.adapter.layers.0.conv.bias")(broken)
    target = Target(broken)
    assert target.loading.missing == ("encoder.adapter.layers.0.conv.bias",)
    failed = {m.name for m in weights(target).measures if m.verdict == "fail"}
    assert "missing, unexpected or mismatched in the file" in failed


def test_a_missing_tensor_fails_even_if_chance_gave_it_the_right_values(weights, broken):
    name = "encoder.encoder.layers.0.layer_norm.bias"
    right = Target(broken).model.state_dict()[name]
    remove(name)(broken)
    target = Target(broken)
    target.model.state_dict()[name].copy_(right)
    assert [m.name for m in weights(target).measures if m.verdict == "fail"] == [
        "missing, unexpected or mismatched in the file"
    ]


def test_an_extra_tensor_in_the_file_fails_the_weights_alone(weights, broken):
    add("decoder.extra", torch.zeros(3))(broken)
    level = weights(Target(broken))
    assert [m.name for m in level.measures if m.verdict == "fail"] == [
        "missing, unexpected or mismatched in the file"
    ]
    assert level.worst.where == "decoder.extra"


@pytest.mark.parametrize("part", ["original0", "original1"])
def test_a_wrong_factor_of_the_weight_norm_fails_the_effective_weight(part, weights, broken):
    scale(POS_CONV + part, 1.01)(broken)
    level = weights(Target(broken))
    assert [m.name for m in level.measures if m.verdict == "fail"] == ["effective weights"]


def test_another_split_of_the_weight_norm_is_the_same_weight(weights, broken):
    change(POS_CONV + "original1", lambda t: t * 2)(broken)
    assert weights(Target(broken)).verdict == "pass"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder.hidden_act", "relu"),
        ("encoder.layerdrop", 0.5),
        ("encoder.apply_spec_augment", True),
        ("decoder.dropout", 0.3),
        ("decoder.scale_embedding", False),
        ("decoder_start_token_id", 0),
    ],
)
def test_a_wrong_key_fails_the_config_whether_or_not_it_changes_an_output(
    key, value, contents, broken
):
    set_key("config.json", key, value)(broken)
    target = Target(broken)
    (difference,) = config_differences(contents, target.view)
    assert (difference.key, difference.actual) == (key, value)
    level = config_level(contents, target)
    assert (level.verdict, level.worst.where, level.worst.error) == ("fail", key, 1.0)


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("generation_config", "early_stopping", False),
        ("generation_config", "suppress_tokens", []),
        ("generation_config", "num_beams", 1),
        ("preprocessor_config", "padding_value", 1.0),
        ("preprocessor_config", "sampling_rate", 8000),
    ],
)
def test_a_wrong_key_of_another_file_fails_the_config_under_its_file(
    file, key, value, contents, broken
):
    set_key(f"{file}.json", key, value)(broken)
    assert [d.key for d in config_differences(contents, Target(broken).view)] == [f"{file}.{key}"]


def test_a_config_without_keys_fails(contents, target):
    empty = replace(contents, config={}, generation={}, preprocessor={})
    assert config_level(empty, target).verdict == "fail"


def test_two_swapped_rows_of_the_tokenizer_fail_the_vocabulary(contents, reference, broken):
    swap_rows(20, 21)(broken)
    target = Target(broken)
    assert [row.partition(":")[0] for row in wrong_rows(contents, target)] == ["20", "21"]
    assert vocabulary_level(contents, reference, target, []).verdict == "fail"


def test_a_token_too_many_fails_the_vocabulary(contents, broken):
    target = Target(broken)
    target.tokenizer.add_tokens(["<mask>"])
    assert list(wrong_rows(contents, target)) == ["190 tokens for 189 symbols"]


def test_a_language_tag_that_is_no_special_token_fails_the_vocabulary(contents, reference, broken):
    unmark("<lang:de>")(broken)
    target = Target(broken)
    assert list(wrong_special_tokens(contents, target)) == ["the tag of de is no special token"]
    assert list(wrong_rows(contents, target)) == []
    assert vocabulary_level(contents, reference, target, []).verdict == "fail"


def test_another_special_token_fails_the_vocabulary(contents, broken):
    set_key("tokenizer_config.json", "pad_token", "</s>")(broken)
    assert list(wrong_special_tokens(contents, Target(broken))) == ["pad_token_id is 2, not 1"]


@pytest.mark.parametrize("part", ["normalizer", "post_processor", "decoder"])
def test_a_tokenizer_that_lost_a_part_encodes_or_decodes_otherwise(
    part, contents, reference, broken
):
    set_key("tokenizer.json", part, None)(broken)
    target = Target(broken)
    assert list(wrong_rows(contents, target)) == []
    assert vocabulary_level(contents, reference, target, []).verdict == "fail"


def test_texts_of_all_scripts_are_encoded_and_decoded_alike(contents, reference, target, clips):
    texts = [clip.transcript for clip in clips if clip.transcript]
    assert list(wrong_encodings(contents, reference, target, texts)) == []


# Dictionaries of other kinds


class Lines:
    """A reference whose words are its symbols, or whose pieces are cut by somebody."""

    def __init__(self, dictionary, cut=str.split):
        self.dictionary = dictionary
        self.cut = cut

    def encode(self, text):
        return tuple(self.dictionary.index(piece) for piece in self.cut(text))

    def text(self, ids):
        unknown = self.dictionary.index("<unk>")
        return " ".join(self.dictionary.symbols[i] for i in ids if i != unknown)


class Pieces(Lines):
    def text(self, ids):
        return super().text(ids).replace(" ", "").replace("▁", " ").strip()


class Tokens:
    """A target that is a tokenizer alone."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def text(self, ids):
        return self.tokenizer.decode(list(ids), skip_special_tokens=True)


@pytest.fixture
def units(contents):
    symbols = (*SPECIAL_SYMBOLS, *map(str, range(40)))
    return replace(
        contents,
        dictionary=Dictionary(symbols=symbols),
        spm_path=None,
        language_tags={},
        prefix_tag=None,
    )


def test_units_pass_the_vocabulary_and_texts_of_all_units_are_compared(units):
    level = vocabulary_level(
        units, Lines(units.dictionary), Tokens(build_tokenizer(units)), ["7 7 400"]
    )
    assert level.verdict == "pass"
    assert {m.name: m.compared for m in level.measures} == {
        "rows": 44,
        "special tokens": 4,
        "texts": len(PROBE_TEXTS) + 4,
    }


def test_two_swapped_units_fail_the_vocabulary_in_rows_and_texts(units):
    symbols = list(units.dictionary.symbols)
    symbols[20], symbols[21] = symbols[21], symbols[20]
    swapped = replace(units, dictionary=Dictionary(symbols=tuple(symbols)))
    target = Tokens(build_tokenizer(swapped))
    assert [row.partition(":")[0] for row in wrong_rows(units, target)] == ["20", "21"]
    wrong = list(wrong_encodings(units, Lines(units.dictionary), target, probe_texts(units)))
    assert len(wrong) == len(probe_texts(units)) - len(PROBE_TEXTS)


def test_units_that_are_cut_in_another_way_fail_the_vocabulary(units):
    from tokenizers import pre_tokenizers

    target = Tokens(build_tokenizer(units))
    target.tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Digits(individual_digits=True)
    reference = Lines(units.dictionary)
    assert list(wrong_rows(units, target)) == []
    assert vocabulary_level(units, reference, target, []).verdict == "fail"


@pytest.fixture
def pruned(contents):
    """The golden dictionary without every fourth piece, and how fairseq cuts its texts."""
    import sentencepiece

    symbols = contents.dictionary.symbols
    tags = set(contents.language_tags.values())
    kept = tuple(s for i, s in enumerate(symbols) if i < 4 or i % 4 or i in tags)
    dictionary = Dictionary(symbols=kept)
    model = sentencepiece.SentencePieceProcessor(model_file=str(contents.spm_path))
    cut = lambda text: " ".join(model.encode(text, out_type=str)).split()  # noqa: E731
    pruned = replace(contents, dictionary=dictionary, language_tags=dictionary.languages)
    return pruned, Pieces(dictionary, cut)


def test_a_pruned_dictionary_passes_the_vocabulary_although_texts_hold_unknown_pieces(pruned):
    contents, reference = pruned
    target = Tokens(build_tokenizer(contents))
    text = "The golden bell rings at noon."
    assert UNK in reference.encode(text)
    assert vocabulary_level(contents, reference, target, [text]).verdict == "pass"


def test_a_pruned_dictionary_in_a_stock_class_fails_the_vocabulary(pruned):
    from transformers import PreTrainedTokenizerFast

    contents, reference = pruned
    built = build_tokenizer(contents)
    stock = PreTrainedTokenizerFast(tokenizer_object=built.backend_tokenizer, **SPECIAL)
    level = vocabulary_level(contents, reference, Tokens(stock), ["The golden bell rings at noon."])
    failed = {m.name for m in level.measures if m.error}
    assert level.verdict == "fail"
    assert failed == {"rows", "texts", "special tokens"}


SPECIAL = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
