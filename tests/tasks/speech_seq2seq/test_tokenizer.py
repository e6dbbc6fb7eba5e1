import io
import json
import os
import unicodedata
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
import sentencepiece
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from tests.sampling import slow, wide
from toolkit.audio import read_clips
from toolkit.checkpoint.dictionary import (
    EOS,
    OVERWRITE,
    SPECIAL_SYMBOLS,
    UNK,
    Dictionary,
    read_dictionary,
)
from toolkit.core.errors import BadInput
from toolkit.families.languages import find_languages
from toolkit.tasks.speech_seq2seq.pieces import UNUSED, USER_DEFINED, read_pieces
from toolkit.tasks.speech_seq2seq.text_steps import SPACE
from toolkit.tasks.speech_seq2seq.tokenizer import (
    build_tokenizer,
    needs_own_tokenizer,
    row_scores,
    write_tokenizer,
)

SYMBOLS = 189
FIRST_TAG = 182


@pytest.fixture(scope="module")
def contents(prepared):
    return prepared.task.contents


@pytest.fixture(scope="module")
def dictionary(contents):
    return contents.dictionary


@pytest.fixture(scope="module")
def tokenizer(contents):
    return build_tokenizer(contents)


@pytest.fixture(scope="module")
def fairseq_encode(contents):
    """Text to ids as fairseq's SentencepieceBPE and Dictionary do it."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(contents.pieces_path))

    def encode(text):
        line = " ".join(processor.encode(text, out_type=str))
        return [contents.dictionary.index(piece) for piece in line.split()]

    return encode


def fairseq_decode(dictionary, ids):
    """Ids to text as fairseq's Dictionary.string and SentencepieceBPE.decode do it."""
    line = " ".join(dictionary.symbols[i] for i in ids)
    return line.replace(" ", "").replace(SPACE, " ").strip()


def train(folder, model_type, more=(), **options):
    model = io.BytesIO()
    lines = [*(clip.transcript for clip in read_clips([]) if clip.transcript), *more]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type=model_type,
        hard_vocab_limit=False,
        minloglevel=2,
        **{"vocab_size": 120, **options},
    )
    path = folder / f"{model_type}.model"
    path.write_bytes(model.getvalue())
    return path


# Ids


@pytest.mark.parametrize("index", range(SYMBOLS))
def test_every_id_is_the_row_of_the_dictionary(tokenizer, dictionary, index):
    symbol = dictionary.symbols[index]
    assert tokenizer.convert_ids_to_tokens(index) == symbol
    assert tokenizer.convert_tokens_to_ids(symbol) == index


def test_there_are_no_ids_beyond_the_dictionary(tokenizer, dictionary):
    assert len(tokenizer) == tokenizer.vocab_size == len(dictionary) == SYMBOLS


def test_the_special_symbols_have_fairseqs_ids(tokenizer):
    ids = [tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id]
    assert [*ids, tokenizer.unk_token_id] == [0, 1, 2, 3]


def test_language_tags_are_special_and_nothing_else_is(tokenizer, contents):
    assert set(tokenizer.all_special_ids) == {0, 1, 2, 3, *contents.language_tags.values()}


def test_every_piece_has_its_own_score_and_other_rows_no_better_one(tokenizer, contents):
    scores = read_pieces(contents.pieces_path).scores
    lowest = min(scores.values())
    vocabulary = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["vocab"]
    for symbol, score in vocabulary:
        if symbol in scores:
            assert score == pytest.approx(scores[symbol])
        else:
            assert score <= lowest


def test_scores_are_known_without_a_tokenizer(tokenizer, contents):
    vocabulary = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["vocab"]
    special = set(tokenizer.all_special_tokens)
    assert row_scores(contents) == {
        row: pytest.approx(score, rel=1e-12) for row, score in vocabulary if row not in special
    }


def test_words_have_no_scores(contents):
    assert row_scores(replace(contents, pieces_path=None)) == {}


# Encoding

# `tokenizers` normalizes by grapheme and loses what combines with a character that has a rule of
# its own; sentencepiece by longest match. Texts in NFC without such clusters are not affected.
PLAIN = st.characters(
    exclude_categories=["Cs", "Mn", "Mc", "Me", "Cf"], exclude_characters="\u200d"
)


@settings(max_examples=300)
@given(text=st.text(PLAIN))
def test_any_text_is_encoded_as_fairseq_encodes_it(tokenizer, fairseq_encode, text):
    assume(not any(symbol in text for symbol in tokenizer.all_special_tokens))
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == fairseq_encode(text)


@settings(max_examples=300)
@given(data=st.data())
def test_text_of_known_letters_is_encoded_as_fairseq_encodes_it(
    tokenizer, dictionary, fairseq_encode, data
):
    letters = sorted(set("".join(dictionary.symbols[4:FIRST_TAG])))
    pieces = st.sampled_from([s.replace(SPACE, " ") for s in dictionary.symbols[4:FIRST_TAG]])
    text = "".join(data.draw(st.lists(pieces | st.sampled_from([*letters, " ", "日"]))))
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == fairseq_encode(text)


def test_every_golden_transcript_is_encoded_as_fairseq_encodes_it(tokenizer, fairseq_encode, clips):
    texts = [clip.transcript for clip in clips if clip.transcript]
    assert len(texts) >= 16
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids == fairseq_encode(text)
        assert UNK not in ids


@pytest.mark.parametrize(
    "text",
    ["", " ", " \t\n", "▁", "▁▁a", "a▁b", "ﬁ", "\u3000a", "a\u00a0b", "日本", "a日b", "e\u0301"],
)
def test_awkward_text_is_encoded_as_fairseq_encodes_it(tokenizer, fairseq_encode, text):
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == fairseq_encode(text)


def test_the_text_stands_between_the_language_tag_and_the_end(tokenizer, fairseq_encode):
    text = "The golden bell rings at noon."
    assert tokenizer(text)["input_ids"] == [183, *fairseq_encode(text), EOS]
    assert tokenizer("")["input_ids"] == [183, EOS]


def test_without_a_language_tag_only_the_end_is_added(contents, fairseq_encode):
    tokenizer = build_tokenizer(replace(contents, prefix_tag=None))
    assert tokenizer("a bell")["input_ids"] == [*fairseq_encode("a bell"), EOS]


def test_every_language_tag_can_frame_a_text(contents):
    for lang, index in contents.language_tags.items():
        tokenizer = build_tokenizer(replace(contents, prefix_tag=f"<lang:{lang}>"))
        assert tokenizer("a")["input_ids"][0] == index


# Decoding

PLAIN_IDS = st.integers(len(SPECIAL_SYMBOLS), FIRST_TAG - 1)


@settings(max_examples=300)
@given(ids=st.lists(PLAIN_IDS))
def test_any_ids_are_decoded_as_fairseq_decodes_them(tokenizer, dictionary, ids):
    assert tokenizer.decode(ids) == fairseq_decode(dictionary, ids)


@given(ids=st.lists(PLAIN_IDS), tag=st.integers(FIRST_TAG, SYMBOLS - 1))
def test_tags_and_special_symbols_are_skipped_in_decoding(tokenizer, ids, tag):
    framed = [2, tag, *ids, 2, 1, 1]
    assert tokenizer.decode(framed, skip_special_tokens=True) == tokenizer.decode(ids)


def test_tags_and_special_symbols_are_shown_on_request(tokenizer):
    assert tokenizer.decode([188, 2], skip_special_tokens=False) == "<lang:ru></s>"


@pytest.mark.parametrize("count", [0, 1, 5])
def test_nothing_but_spaces_is_decoded_to_nothing(tokenizer, dictionary, count):
    assert tokenizer.decode([dictionary.index(SPACE)] * count) == ""
    assert tokenizer.decode([2] * count, skip_special_tokens=True) == ""
    assert tokenizer.batch_decode([[], [2]], skip_special_tokens=True) == ["", ""]


def test_golden_transcripts_survive_the_round_trip(tokenizer, clips):
    for clip in clips:
        if clip.transcript:
            ids = tokenizer(clip.transcript)["input_ids"]
            expected = unicodedata.normalize("NFKC", clip.transcript)
            assert tokenizer.decode(ids, skip_special_tokens=True) == expected


# Files


def test_the_tokenizer_reloads_from_the_folder_unchanged(tokenizer, converted):
    reloaded = AutoTokenizer.from_pretrained(converted)
    text = " The golden  bell, 日本!"
    assert len(reloaded) == SYMBOLS
    assert reloaded(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert reloaded.all_special_tokens == tokenizer.all_special_tokens
    assert reloaded.model_max_length == tokenizer.model_max_length == 1024
    ids = tokenizer(text)["input_ids"]
    assert reloaded.decode(ids, skip_special_tokens=True) == tokenizer.decode(
        ids, skip_special_tokens=True
    )
    assert reloaded.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


@pytest.mark.parametrize("content", [b"not a model", b"\x08", b"\xff" * 100])
def test_a_file_that_is_no_sentencepiece_model_is_refused(tmp_path, content):
    path = tmp_path / "spm.model"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"must be a sentencepiece model.*`--spm`"):
        read_pieces(path)


def test_a_missing_or_an_empty_model_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"must be a sentencepiece model, but .*No such file"):
        read_pieces(tmp_path / "spm.model")
    (tmp_path / "spm.model").touch()
    with pytest.raises(BadInput, match=r"or char kind with pieces, .* with 0"):
        read_pieces(tmp_path / "spm.model")


def test_a_model_of_words_is_refused(contents, tmp_path):
    path = train(tmp_path, "word")
    with pytest.raises(BadInput, match="unigram, bpe or char kind .* but is of kind word with"):
        build_tokenizer(replace(contents, pieces_path=path))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"add_dummy_prefix": False},
        {"normalization_rule_name": "identity"},
        {"normalization_rule_name": "nfkc_cf"},
    ],
    ids=str,
)
def test_a_model_is_followed_in_how_it_prepares_text(contents, tmp_path, options):
    path = train(tmp_path, "unigram", **options)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    own = [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]
    symbols = (*SPECIAL_SYMBOLS, *own, "<lang:en>")
    tokenizer = build_tokenizer(
        replace(
            contents,
            pieces_path=path,
            dictionary=Dictionary(symbols=symbols),
            language_tags={"en": len(symbols) - 1},
            prefix_tag="<lang:en>",
        )
    )
    for text in ("The bell", " the  bell", "bell ", "ﬁne", "Äpfel", ""):
        pieces = " ".join(processor.encode(text, out_type=str)).split()
        expected = [symbols.index(p) if p in symbols else UNK for p in pieces]
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == expected, text


# Layouts: every kind of model and dictionary, against fairseq's own classes, reloaded from disk

TAGS = ("<lang:de>", "<lang:en>")
ROWS_WITHOUT_PIECE = ("madeupword0000", "madeupword0001", "<mask>")
LETTERS_OF_ROWS = ("a <lang:de> madeupword0001 <mask> [de_DE]",) * 3
"""Trained on these, a model can spell every row that it lacks."""
IDENTITY = {"normalization_rule_name": "identity"}
SPACED = ("wide \u3000 space", "hard \xa0 space", "old \x1f space") * 4
"""Trained on these, a model that takes text as it is has pieces that are spaces to fairseq."""
LAYOUTS: dict[str, dict[str, Any]] = {
    "unigram": {"model_type": "unigram"},
    "unigram that spells all rows": {"model_type": "unigram", "more": LETTERS_OF_ROWS},
    "unigram with tags of mBART": {"model_type": "unigram", "tags": ("[de_DE]", "[en_XX]")},
    "unigram with bytes": {"model_type": "unigram", "vocab_size": 400, "byte_fallback": True},
    "unigram with user-defined pieces": {
        "model_type": "unigram",
        "more": LETTERS_OF_ROWS,
        "user_defined_symbols": ["<sep>", "bell", "zz"],
    },
    "unigram as it is": {"model_type": "unigram", **IDENTITY},
    "unigram with spaces of its own": {"model_type": "unigram", "more": SPACED, **IDENTITY},
    "unigram with spaces that stay": {
        "model_type": "unigram",
        "remove_extra_whitespaces": False,
        **IDENTITY,
    },
    "unigram with bytes as it is": {
        "model_type": "unigram",
        "vocab_size": 400,
        "byte_fallback": True,
        "more": SPACED,
        **IDENTITY,
    },
    "char": {"model_type": "char"},
    "char as it is": {"model_type": "char", "more": SPACED, **IDENTITY},
    "bpe": {"model_type": "bpe"},
    "bpe as it is": {"model_type": "bpe", **IDENTITY},
    "bpe with spaces of its own": {"model_type": "bpe", "more": SPACED * 9, **IDENTITY},
    "bpe that repeats": {
        "model_type": "bpe",
        "more": ("aaaa 0000 aaaaaa ababab banana ananas 000000 ....",) * 9,
        "vocab_size": 160,
        "split_by_number": False,
    },
    "bpe with bytes": {"model_type": "bpe", "vocab_size": 400, "byte_fallback": True},
}
PRUNED = (
    "unigram",
    "unigram that spells all rows",
    "unigram with bytes",
    "bpe",
    "bpe with bytes",
    "char as it is",
)
LONG = {
    "unigram with spaces of its own",
    "unigram with spaces that stay",
    "unigram with bytes as it is",
    "char",
    "bpe as it is",
    "char as it is, pruned",
    "unigram with user-defined pieces",
    "unigram with bytes, pruned",
    "unigram that spells all rows, pruned",
    "bpe that repeats",
    "bpe with bytes, pruned",
    "unigram that spells all rows",
    "unigram as it is",
    "bpe with spaces of its own",
}
"""Others of their kind are tried every time."""
WIDE = {"unigram with tags of mBART", "bpe with bytes", "bpe, pruned", "unigram, pruned"}
NAMES = [
    slow(name) if name in LONG else wide(name) if name in WIDE else pytest.param(name)
    for name in (*LAYOUTS, *(f"{name}, pruned" for name in PRUNED))
]


@dataclass(frozen=True)
class Layout:
    """A tokenizer from disk, and fairseq's classes on the same files."""

    tokenizer: Any
    contents: Any
    dictionary: Any
    bpe: Any

    def encode(self, text):
        line = text if self.bpe is None else self.bpe.encode(text)
        ids = self.dictionary.encode_line(line, add_if_not_exist=False, append_eos=False)
        return ids.tolist()

    def decode(self, ids):
        line = self.dictionary.string(torch.tensor(ids, dtype=torch.long))
        return line if self.bpe is None else self.bpe.decode(line)

    def encode_here(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.fixture(scope="session")
def make_layout(prepared, tmp_path_factory):
    """A layout of rows `symbol count` and a sentencepiece model."""
    fairseq = pytest.importorskip("fairseq.data.dictionary")
    bpe = pytest.importorskip("fairseq.data.encoders.sentencepiece_bpe")

    def make(rows, spm_path):
        folder = tmp_path_factory.mktemp("layout")
        path = folder / "dict.txt"
        path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        dictionary = read_dictionary(path)
        contents = replace(
            prepared.task.contents,
            pieces_path=spm_path,
            dictionary=dictionary,
            language_tags=find_languages(dictionary),
            prefix_tag=None,
        )
        build_tokenizer(contents).save_pretrained(folder / "hf")
        config = bpe.SentencepieceConfig(sentencepiece_model=str(spm_path))
        return Layout(
            tokenizer=AutoTokenizer.from_pretrained(folder / "hf", trust_remote_code=True),
            contents=contents,
            dictionary=fairseq.Dictionary.load(str(path)),
            bpe=None if spm_path is None else bpe.SentencepieceBPE(config),
        )

    return make


@pytest.fixture(scope="session")
def layout(make_layout, tmp_path_factory):
    @cache
    def make(name):
        kind, _, pruned = name.partition(", ")
        options = {"tags": TAGS, **LAYOUTS[kind]}
        tags = options.pop("tags")
        path = train(tmp_path_factory.mktemp("model"), **options)
        processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        pieces = [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]
        kept = [piece for i, piece in enumerate(pieces) if not (pruned and i % 4 == 1)]
        return make_layout([f"{row} 1" for row in (*kept, *ROWS_WITHOUT_PIECE, *tags)], path)

    return make


SETTINGS = settings(max_examples=200, derandomize=True)
"""Always the same texts: sentencepiece chooses between equally good cuts by rounding in float32."""


@pytest.mark.parametrize("name", NAMES)
@SETTINGS
@given(text=st.text(PLAIN))
def test_every_layout_encodes_any_text_as_fairseq_does(layout, name, text):
    found = layout(name)
    assume(not any(symbol in text for symbol in found.tokenizer.all_special_tokens))
    assert found.encode_here(text) == found.encode(text)


@pytest.mark.parametrize("name", NAMES)
@SETTINGS
@given(data=st.data())
def test_every_layout_encodes_texts_of_its_own_rows_as_fairseq_does(layout, name, data):
    found = layout(name)
    rows = [row.replace(SPACE, " ") for row in found.contents.dictionary.symbols[4:]]
    letters = sorted({letter for row in rows for letter in row})
    words = st.sampled_from(rows) | st.sampled_from([*letters, " ", "日", "😀"])
    text = "".join(data.draw(st.lists(words, max_size=12)))
    assume(not any(symbol in text for symbol in found.tokenizer.all_special_tokens))
    assert found.encode_here(text) == found.encode(text)


SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2007\u2028\u2029\u202f\u205f\u3000"
CONTROLS = "\x00\x01\x07\x08\x0e\x1b\x7f\x80\x9f\u200b\ufeff"


@pytest.mark.parametrize("name", NAMES)
@SETTINGS
@given(text=st.text(st.sampled_from(f"{SPACES}{CONTROLS}  abell日漢▁.")))
def test_every_layout_encodes_control_characters_as_fairseq_does(layout, name, text):
    found = layout(name)
    assert found.encode_here(text) == found.encode(text)


@pytest.mark.parametrize("name", NAMES)
@SETTINGS
@given(data=st.data())
def test_every_layout_decodes_ids_as_fairseq_does(layout, name, data):
    found = layout(name)
    plain = set(range(4, len(found.dictionary))) - set(found.contents.language_tags.values())
    ids = data.draw(st.lists(st.sampled_from(sorted(plain))))
    said = found.tokenizer.decode([EOS, *ids, EOS], skip_special_tokens=True)
    assert said == found.decode(ids)


@pytest.mark.parametrize("name", NAMES)
def test_every_layout_has_the_rows_of_the_dictionary_and_no_more(layout, name):
    found = layout(name)
    symbols = found.dictionary.symbols
    assert found.tokenizer.convert_ids_to_tokens(list(range(len(symbols)))) == symbols
    assert len(found.tokenizer) == len(found.tokenizer.get_vocab()) == len(symbols)
    special = {0, 1, 2, 3, *found.contents.language_tags.values()}
    assert set(found.tokenizer.all_special_ids) == special


@pytest.mark.parametrize("name", NAMES)
def test_only_a_pruned_dictionary_takes_a_class_of_our_own(layout, name):
    found = layout(name)
    own = type(found.tokenizer).__name__ == "FairseqTokenizerFast"
    assert own is ("pruned" in name)
    assert needs_own_tokenizer(found.contents.pieces_path, found.contents.dictionary) is own


@pytest.mark.parametrize("name", [name for name in NAMES if "bytes" not in name])
def test_rows_without_a_piece_are_never_cut_out_of_a_text(layout, name):
    found = layout(name)
    hidden = {found.dictionary.index(row) for row in (*ROWS_WITHOUT_PIECE, *TAGS)} - {UNK}
    text = "madeupword0000 a madeupword0001madeupword0000 <mask><mask> ＜lang:de＞"
    ids = found.encode_here(text)
    assert ids == found.encode(text)
    assert hidden
    assert not hidden & set(ids)


def test_a_row_without_a_piece_would_be_cut_at_the_lowest_score(layout):
    found = layout("unigram that spells all rows")
    values = json.loads(found.tokenizer.backend_tokenizer.to_str())
    lowest = min(read_pieces(found.contents.pieces_path).scores.values())
    values["model"]["vocab"] = [
        [row, max(score, lowest)] for row, score in values["model"]["vocab"]
    ]
    ids = Tokenizer.from_str(json.dumps(values)).encode("madeupword0000").ids
    assert found.dictionary.index("madeupword0000") in ids


def test_without_our_class_a_pruned_dictionary_has_ids_beyond_its_rows(layout):
    found = layout("unigram, pruned")
    text = "The golden bell rings at noon."
    assert max(found.tokenizer.backend_tokenizer.encode(text).ids) >= len(found.dictionary)
    assert UNK in found.encode_here(text)
    assert found.encode_here(text) == found.encode(text)


def test_a_byte_is_printed_as_fairseq_prints_it(layout):
    found = layout("bpe with bytes")
    assert found.tokenizer.decode(found.encode_here("日"), skip_special_tokens=True) == (
        found.decode(found.encode("日"))
    )
    assert found.decode(found.encode("日")) == "<0xE6><0x97><0xA5>"


# Units

UNITS = [str(unit) for unit in range(50)]
UNIT_TEXT = st.lists(st.sampled_from([*UNITS, "50", "a", "日本", "<unk>", "1.5", "007", "1"]))


@pytest.fixture(scope="session")
def units(make_layout):
    return make_layout([f"{unit} 1" for unit in UNITS], None)


@SETTINGS
@given(words=UNIT_TEXT, space=st.sampled_from([" ", "  ", "\t", "\n", "\u3000", "\x1c", "\x85"]))
def test_units_are_encoded_as_fairseq_encodes_them(units, words, space):
    text = space.join(words)
    assert units.encode_here(text) == units.encode(text)
    assert units.encode_here(f" {text} ") == units.encode(text)


@SETTINGS
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_taken_for_units_as_fairseq_takes_it(units, text):
    assume(not any(symbol in text for symbol in SPECIAL_SYMBOLS))
    assert units.encode_here(text) == units.encode(text)


@SETTINGS
@given(ids=st.lists(st.integers(4, 53)))
def test_units_are_decoded_as_fairseq_decodes_them(units, ids):
    assert units.tokenizer.decode([*ids, EOS], skip_special_tokens=True) == units.decode(ids)


def test_units_need_no_class_of_our_own_and_end_as_any_text_does(units):
    assert not needs_own_tokenizer(None, units.contents.dictionary)
    assert units.tokenizer("7 7 3").input_ids == [11, 11, 7, EOS]
    assert units.tokenizer("7 7 3", add_special_tokens=False).input_ids == [11, 11, 7]
    assert len(units.tokenizer) == 54


# Rows that stand twice


def test_of_a_row_that_stands_twice_the_last_counts(make_layout, contents):
    rows = [f"{symbol} 1" for symbol in contents.dictionary.symbols[4:FIRST_TAG]]
    found = make_layout([*rows, f"e 1 {OVERWRITE}"], contents.pieces_path)
    text = "a golden bell, eee"
    assert found.encode_here(text) == found.encode(text)
    assert found.encode_here("e")[-1] == len(found.dictionary) - 1
    tokens = found.tokenizer.convert_ids_to_tokens(list(range(len(found.dictionary))))
    assert tokens == found.dictionary.symbols
    assert len(found.tokenizer) == len(found.dictionary)


def test_a_symbol_of_fairseqs_own_that_stands_twice_is_refused(make_layout, contents):
    with pytest.raises(BadInput, match=r"leave fairseq's own symbols alone, but overwrites '<s>'"):
        make_layout([f"<s> 1 {OVERWRITE}"], contents.pieces_path)


def test_units_that_stand_twice_are_refused(make_layout):
    with pytest.raises(BadInput, match=r"every symbol once, but repeats '1'"):
        make_layout(["1 1", "2 1", f"1 1 {OVERWRITE}"], None)


# Models that cannot be followed


@pytest.fixture
def edited(tmp_path):
    """A trained sentencepiece model with something changed."""

    def make(edit, kind="unigram", **options):
        path = train(tmp_path, kind, **options)
        model = sentencepiece_model_pb2.ModelProto()
        model.ParseFromString(path.read_bytes())
        edit(model)
        path.write_bytes(model.SerializeToString())
        return path

    return make


def of_type(piece_type):
    def edit(model):
        model.pieces[20].type = piece_type

    return edit


def suffix(model):
    model.trainer_spec.treat_whitespace_as_suffix = True


def plain_spaces(model):
    model.normalizer_spec.escape_whitespaces = False


@pytest.mark.parametrize(
    ("edit", "kind", "reason"),
    [
        (suffix, "unigram", "treat_whitespace_as_suffix"),
        (plain_spaces, "bpe", "escape_whitespaces: false"),
        (of_type(USER_DEFINED), "bpe", "bpe kind with user-defined or unused pieces"),
        (of_type(UNUSED), "bpe", "bpe kind with user-defined or unused pieces"),
        (of_type(USER_DEFINED), "char", "char kind with user-defined or unused pieces"),
    ],
)
def test_a_model_that_no_fast_tokenizer_follows_is_refused_by_name(edited, edit, kind, reason):
    with pytest.raises(BadInput, match=reason):
        read_pieces(edited(edit, kind))


def test_an_unused_piece_is_no_piece(make_layout, edited):
    path = edited(of_type(UNUSED))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    pieces = [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]
    unused = processor.id_to_piece(20)
    assert unused not in read_pieces(path).scores
    found = make_layout([f"{piece} 1" for piece in pieces], path)
    for text in (unused, f"a{unused}b {unused}".replace(SPACE, " ")):
        assert found.encode_here(text) == found.encode(text)


def test_a_mark_beside_a_wide_space_is_a_piece_like_any_other(layout):
    found = layout("bpe with spaces of its own")
    assert f"{SPACE}\u3000" in found.contents.dictionary.symbols
    for text in ("a \u3000 b", "\u3000", " \u3000\u3000a", "a\u3000b"):
        assert found.encode_here(text) == found.encode(text)


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_a_piece_that_fairseq_cuts_again_is_refused(make_layout, edited, kind):
    def widen(model):
        model.pieces[20].piece = "e\u3000e"

    with pytest.raises(BadInput, match="but has 'e\\\\u3000e', which fairseq cuts again"):
        make_layout(["a 1"], edited(widen, kind, more=SPACED, **IDENTITY))


@pytest.mark.parametrize("symbol", ["ﬁ", "a b", "Ⅷ"])
def test_a_user_defined_piece_that_normalization_would_change_is_refused(
    make_layout, tmp_path, symbol
):
    path = train(tmp_path, "unigram", user_defined_symbols=[symbol])
    with pytest.raises(BadInput, match="user-defined pieces that its normalization leaves"):
        make_layout(["a 1"], path)


def test_rows_of_letters_that_the_model_does_not_know_are_refused(make_layout, contents):
    with pytest.raises(BadInput, match="has '日本', whose letters that model does not know"):
        make_layout(["a 1", "日本 1"], contents.pieces_path)


@pytest.mark.parametrize(
    ("kind", "reason"), [("unigram", "has 'eeee', and the model lacks"), ("bpe", "lacks some")]
)
def test_rows_of_a_model_without_single_letters_are_refused(make_layout, edited, kind, reason):
    def drop_a_letter(model):
        (letter,) = [piece for piece in model.pieces if piece.piece == "e"]
        model.pieces.remove(letter)

    with pytest.raises(BadInput, match=reason):
        make_layout(["eeee 1"], edited(drop_a_letter, kind))


# Without building it


@pytest.mark.parametrize("tags", ["one", "none", "no languages"])
def test_written_files_are_those_of_the_built_tokenizer(prepared, tmp_path, tags):
    """But for scores whose last digit transformers changes on the way."""
    contents = {
        "one": prepared.task.contents,
        "none": replace(prepared.task.contents, prefix_tag=None),
        "no languages": replace(prepared.task.contents, prefix_tag=None, language_tags={}),
    }[tags]
    built, written = tmp_path / "built", tmp_path / "written"
    written.mkdir()
    build_tokenizer(contents).save_pretrained(built)
    write_tokenizer(contents, written)
    assert sorted(os.listdir(built)) == sorted(os.listdir(written))
    config = "tokenizer_config.json"
    assert (built / config).read_bytes() == (written / config).read_bytes()
    expected, actual = (
        json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        for folder in (built, written)
    )
    scores = [tokenizer["model"].pop("vocab") for tokenizer in (expected, actual)]
    assert actual == expected
    assert [row for row, _ in scores[0]] == [row for row, _ in scores[1]]
    assert [s for _, s in scores[1]] == pytest.approx([s for _, s in scores[0]], rel=1e-15)
