"""The golden folder's tokenizer, broken and rewritten, and tokenizers of other kinds."""

import json
import shutil
from dataclasses import replace

import pytest
import sentencepiece
from transformers import AutoTokenizer, Wav2Vec2CTCTokenizer

from tests.breaking import edit_json, edit_key, set_key, swap_rows, unmark
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, UNK, Dictionary
from toolkit.families.languages import find_languages
from toolkit.tasks.speech_seq2seq.tokenizer import build_tokenizer
from toolkit.tasks.speech_seq2seq.vocabulary import (
    PROBE_TEXTS,
    compare_vocabulary,
    expect_vocabulary,
    judge_vocabulary,
    wrong_rows,
    wrong_texts,
)


def vocabulary_level(contents, reference, target, texts):
    expected = expect_vocabulary(contents, reference, texts)
    return expected.judge(expected.compare(target.tokenizer))


@pytest.fixture(scope="module")
def contents(prepared):
    return prepared.task.contents


@pytest.fixture(scope="module")
def expected(contents, reference):
    return expect_vocabulary(contents, reference, ["Ёжик"])


FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")
JSON, CONFIG = FILES[1:]


@pytest.fixture
def folder(converted, tmp_path):
    """The files that a tokenizer is loaded from."""
    for name in FILES:
        shutil.copyfile(converted / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def find(expected, folder):
    """The keys of what differs once the files were changed; verdicts of the level go with them."""

    def look(*breaks):
        for break_folder in breaks:
            break_folder(folder)
        found = compare_vocabulary(expected, AutoTokenizer.from_pretrained(folder))
        assert judge_vocabulary(expected, found).verdict == ("fail" if found else "pass")
        return [difference.keys[0] for difference in found]

    return look


def config(key, value):
    return set_key(CONFIG, key, value)


def part(key, value):
    return set_key(JSON, key, value)


def edit(key, change):
    return edit_key(JSON, key, change)


def step(kind, **said):
    return {"type": kind, **said}


def replacing(one, other):
    return step("Replace", pattern={"String": one}, content=other)


def behind(key, inner, *more):
    """More steps behind those of a part."""
    return edit(key, lambda old: {**old, inner: [*old[inner], *more]})


def flag(token, **flags):
    def change(tokens):
        return [{**t, **flags} if t["content"] == token else t for t in tokens]

    return edit("added_tokens", change)


def listed(*more):
    """Tokens that are special on top of the right ones, in either spelling of the key."""
    return edit_key(CONFIG, "extra_special_tokens", lambda tags: [*tags, *more])


def as_added(token):
    """An ordinary row that is looked for in a text before it is cut."""

    def break_folder(folder):
        rows = json.loads((folder / JSON).read_text())["model"]["vocab"]
        index = [row for row, _ in rows].index(token)
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
        edit("added_tokens", lambda old: [*old, {"id": index, "content": token, **flags}])(folder)

    return break_folder


def frame_of(*items):
    """A frame that is spelled with the tokens themselves."""
    ids = {"</s>": 2, "<lang:de>": 182, "<lang:en>": 183}
    return step(
        "TemplateProcessing",
        single=[
            {"Sequence": {"id": "A", "type_id": 0}}
            if item == "A"
            else {"SpecialToken": {"id": item, "type_id": 0}}
            for item in items
        ],
        pair=[{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        special_tokens={
            item: {"id": item, "ids": [ids[item]], "tokens": [item]}
            for item in items
            if item != "A"
        },
    )


def block(max_length):
    said = {"direction": "Right", "strategy": "LongestFirst", "stride": 0}
    return {**said, "max_length": max_length}


LEFT_PADDING = {
    "strategy": "BatchLongest",
    "direction": "Left",
    "pad_to_multiple_of": None,
    "pad_id": 1,
    "pad_type_id": 0,
    "pad_token": "<pad>",
}


def scored(change):
    """Rows with other scores, or in another order."""
    return edit("model.vocab", change)


def sunk(rows):
    rows[30][1] -= 1
    return rows


WRONG = {
    "swapped rows": (swap_rows(20, 21), JSON),
    "a row twice": (scored(lambda rows: [*rows[:50], rows[40], *rows[50:]]), JSON),
    "a row twice at the end": (scored(lambda rows: [*rows, rows[40]]), JSON),
    "a row of two names": (scored(lambda rows: [*rows[:40], ["?", 0.0], *rows[41:]]), JSON),
    "a score": (scored(sunk), JSON),
    "no unknown token": (part("model.unk_id", None), "tokenizer.model"),
    "another unknown token": (part("model.unk_id", 50), "tokenizer.model"),
    "bytes": (part("model.byte_fallback", True), "tokenizer.model"),
    "no normalizer": (part("normalizer", None), "tokenizer.normalizer"),
    "a normalizer that replaces a letter": (
        behind("normalizer", "normalizers", replacing("q", "k")),
        "tokenizer.normalizer",
    ),
    "a normalizer that replaces what no probe holds": (
        behind("normalizer", "normalizers", replacing("xylophone", "bell")),
        "tokenizer.normalizer",
    ),
    "lower case": (
        behind("normalizer", "normalizers", step("Lowercase")),
        "tokenizer.normalizer",
    ),
    "a pre-tokenizer": (
        part("pre_tokenizer", step("Digits", individual_digits=True)),
        "tokenizer.pre_tokenizer",
    ),
    "no decoder": (part("decoder", None), "tokenizer.decoder"),
    "a decoder that replaces a letter": (
        behind("decoder", "decoders", replacing("z", "s")),
        "tokenizer.decoder",
    ),
    "a decoder that strips more": (
        behind("decoder", "decoders", step("Strip", content="e", start=1, stop=0)),
        "tokenizer.decoder",
    ),
    "no frame": (part("post_processor", None), "tokenizer.post_processor"),
    "no tag": (part("post_processor", frame_of("A", "</s>")), "tokenizer.post_processor"),
    "another tag": (
        part("post_processor", frame_of("<lang:de>", "A", "</s>")),
        "tokenizer.post_processor",
    ),
    "the tag last": (
        part("post_processor", frame_of("A", "<lang:de>", "</s>")),
        "tokenizer.post_processor",
    ),
    "a tag that takes the spaces beside it": (
        flag("<lang:de>", lstrip=True, rstrip=True),
        "tokenizer.added_tokens",
    ),
    "an end that is a word of its own": (flag("</s>", single_word=True), "tokenizer.added_tokens"),
    "a tag found in prepared text": (flag("<lang:fr>", normalized=True), JSON),
    "an ordinary row that is cut first": (as_added("▁la"), "tokenizer.added_tokens"),
    "an unmarked tag": (unmark("<lang:de>"), "tokenizer_config.extra_special_tokens"),
    "an unlisted tag": (
        config("extra_special_tokens", ["<lang:de>"]),
        "tokenizer_config.extra_special_tokens",
    ),
    "a special row": (listed("▁la"), "tokenizer_config.extra_special_tokens"),
    "special letters": (listed("e", "▁"), "tokenizer_config.extra_special_tokens"),
    "a mask token that is a row": (
        config("mask_token", "▁"),
        "tokenizer_config.extra_special_tokens",
    ),
    "a token too many": (config("mask_token", "<mask>"), JSON),
    "a token too many, by another file": (
        lambda folder: (folder / "added_tokens.json").write_text('{"<x>": 189}'),
        JSON,
    ),
    "a flag by the other file": (
        config("added_tokens_decoder", {"2": {"content": "</s>", "lstrip": True, "special": True}}),
        "tokenizer.added_tokens",
    ),
    "another end by the old file": (
        lambda folder: (folder / "special_tokens_map.json").write_text('{"eos_token": "<pad>"}'),
        "tokenizer_config.eos_token",
    ),
    "no configuration": (lambda folder: (folder / CONFIG).unlink(), "tokenizer_config.json"),
    "another end": (config("eos_token", "<pad>"), "tokenizer_config.eos_token"),
    "an end that is a row": (config("eos_token", "e"), "tokenizer_config.eos_token"),
    "no padding token": (config("pad_token", None), "tokenizer_config.pad_token"),
    "padding on the left": (config("padding_side", "left"), "tokenizer_config.padding_side"),
    "padding on the left, by tokenizer.json": (
        part("padding", LEFT_PADDING),
        "tokenizer_config.padding_side",
    ),
    "cut on the left": (config("truncation_side", "left"), "tokenizer_config.truncation_side"),
    "short texts": (config("model_max_length", 8), "tokenizer_config.model_max_length"),
    "texts without length": (config("model_max_length", 0), "tokenizer_config.model_max_length"),
    "special tokens cut": (
        config("split_special_tokens", True),
        "tokenizer_config.split_special_tokens",
    ),
    "cleaned up": (
        config("clean_up_tokenization_spaces", True),
        "tokenizer_config.clean_up_tokenization_spaces",
    ),
    "names without ids": (
        config("model_input_names", ["labels", "attention_mask"]),
        "tokenizer_config.model_input_names",
    ),
    "labels that a processor pads": (
        config("padding", "max_length"),
        "tokenizer_config.padding",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_tokenizer_is_one_difference_under_its_key(name, find):
    break_folder, key = WRONG[name]
    assert find(break_folder) == [key]


def test_several_faults_are_as_many_differences(find):
    faults = ("padding on the left", "a decoder that replaces a letter", "a score", "another end")
    breaks, keys = zip(*(WRONG[name] for name in faults), strict=True)
    assert sorted(find(*breaks)) == sorted(keys)


ENDS = (
    step("Replace", pattern={"Regex": "^ +"}, content=""),
    step("Replace", pattern={"Regex": " +$"}, content=""),
)
RIGHT = {
    "nothing changed": (),
    "a list of one list": (
        edit("normalizer", lambda old: step("Sequence", normalizers=[old])),
        edit("decoder", lambda old: step("Sequence", decoders=[old])),
        edit("post_processor", lambda old: step("Sequence", processors=[old])),
    ),
    "an empty list": (
        edit(
            "pre_tokenizer",
            lambda old: step("Sequence", pretokenizers=[old, step("Sequence", pretokenizers=[])]),
        ),
    ),
    "control characters as before": (
        edit(
            "normalizer.normalizers",
            lambda old: [
                step("Strip", strip_left=True, strip_right=True)
                if s.get("pattern") == {"Regex": "\\A +"}
                else s
                for s in old
                if s.get("pattern") != {"Regex": "▁+\\z"}
            ],
        ),
        part("pre_tokenizer", None),
    ),
    "steps that do nothing": (
        behind("normalizer", "normalizers", replacing("a", "a"), step("Prepend", prepend="")),
        behind("decoder", "decoders", step("Fuse"), step("Strip", content=" ", start=0, stop=0)),
    ),
    "a pattern that is a text": (
        edit(
            "decoder.decoders",
            lambda old: [step("Replace", pattern={"Regex": "\\x{2581}"}, content=" "), *old[1:]],
        ),
    ),
    "ends one by one": (edit("decoder.decoders", lambda old: [*old[:2], *ENDS]),),
    "a frame of tokens": (part("post_processor", frame_of("<lang:en>", "A", "</s>")),),
    "a frame of another class": (
        part("post_processor", step("BertProcessing", sep=["</s>", 2], cls=["<lang:en>", 183])),
    ),
    "another frame of pairs": (edit("post_processor.pair", lambda old: old[::-1]),),
    "defaults spelled out": (
        config("padding_side", "right"),
        config("truncation_side", "right"),
        config("split_special_tokens", False),
        config("model_input_names", ["input_ids", "token_type_ids", "attention_mask"]),
        config("add_prefix_space", False),
        config("padding", False),
        config("chat_template", None),
    ),
    "no limit": (config("model_max_length", int(1e30)),),
    "keys that transformers does not know": (config("invented", 7), config("name_or_path", "/x")),
    "what no version reads beside it": (
        lambda folder: (folder / "vocab.json").write_text("{}"),
        lambda folder: (folder / "added_tokens.json").write_text('{"</s>": 2}'),
    ),
    "the flags in both files": (
        lambda folder: edit_json(
            folder,
            CONFIG,
            "added_tokens_decoder",
            lambda _: {
                str(t["id"]): {key: value for key, value in t.items() if key != "id"}
                for t in json.loads((folder / JSON).read_text())["added_tokens"]
            },
        ),
    ),
    "the class of transformers 4": (config("tokenizer_class", "PreTrainedTokenizerFast"),),
    "the key of transformers 4": (
        lambda folder: edit_json(
            folder,
            CONFIG,
            "additional_special_tokens",
            lambda _: json.loads((folder / CONFIG).read_text())["extra_special_tokens"],
        ),
        config("extra_special_tokens", []),
    ),
    "tokens as objects": (
        config("eos_token", {"__type": "AddedToken", "content": "</s>", "special": True}),
    ),
    "a length left behind by a call": (part("truncation", block(9)), config("max_length", 9)),
    "padded on the right": (part("padding", {**LEFT_PADDING, "direction": "Right"}),),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_tokenizer_that_is_written_in_another_way_is_right(name, find):
    assert find(*RIGHT[name]) == []


def test_a_tokenizer_that_transformers_saved_again_is_right(folder, find):
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    assert find() == []


def test_a_tokenizer_that_was_used_and_saved_is_right(folder, find):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer(["one", "two three"], padding=True, truncation=True, max_length=9)
    tokenizer.save_pretrained(folder)
    assert find() == []


def test_what_differs_is_told_with_both_values(expected, folder):
    config("padding_side", "left")(folder)
    (found,) = compare_vocabulary(expected, AutoTokenizer.from_pretrained(folder))
    assert found.wrong == ("'left', not 'right'",)


def test_the_steps_that_differ_are_told_and_no_others(expected, folder):
    behind("normalizer", "normalizers", step("Lowercase"))(folder)
    (found,) = compare_vocabulary(expected, AutoTokenizer.from_pretrained(folder))
    assert found.wrong == ('it has {"type": "Lowercase"}',)


def test_no_tokenizer_is_a_difference(expected):
    (found,) = compare_vocabulary(expected, None)
    assert found.wrong == ("no tokenizer loads",)


def test_a_tokenizer_of_another_model_is_one_difference_whatever_follows(expected, tmp_path):
    (tmp_path / "vocab.json").write_text('{"<unk>": 0, "a": 1, "|": 2}')
    ctc = Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json"))
    (found,) = compare_vocabulary(expected, ctc)
    assert found.keys == (JSON, "tokenizer_config.tokenizer_class")
    assert found.wrong[0].startswith("it is a Wav2Vec2CTCTokenizer")


def test_texts_of_all_scripts_are_encoded_and_decoded_alike(contents, reference, target, clips):
    texts = [clip.transcript for clip in clips if clip.transcript]
    expected = expect_vocabulary(contents, reference, texts)
    assert list(wrong_texts(expected, target.tokenizer)) == []


def test_a_text_that_fairseq_encodes_otherwise_is_a_difference_that_the_structure_hides(expected):
    (text, ids), *_ = expected.encodings.items()
    other = replace(expected, encodings={text: (*ids, 7)})
    (found,) = compare_vocabulary(other, build_tokenizer(expected.contents))
    assert (found.aspect, found.keys) == ("texts", (JSON,))


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
        pieces_path=None,
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
        "settings": 12,
        "texts": len(PROBE_TEXTS) + 4,
    }


def test_two_swapped_units_fail_the_vocabulary_in_rows_and_texts(units):
    symbols = list(units.dictionary.symbols)
    symbols[20], symbols[21] = symbols[21], symbols[20]
    swapped = replace(units, dictionary=Dictionary(symbols=tuple(symbols)))
    target = Tokens(build_tokenizer(swapped))
    assert list(wrong_rows(units, target.tokenizer)) == ["16", "17"]
    expected = expect_vocabulary(units, Lines(units.dictionary), [])
    spoiled = len(expected.encodings) - len(PROBE_TEXTS)
    assert len(list(wrong_texts(expected, target.tokenizer))) == 2 * spoiled


def test_units_that_are_cut_in_another_way_fail_the_vocabulary(units):
    from tokenizers import pre_tokenizers

    target = Tokens(build_tokenizer(units))
    target.tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Digits(individual_digits=True)
    reference = Lines(units.dictionary)
    assert wrong_rows(units, target.tokenizer) == {}
    assert vocabulary_level(units, reference, target, []).verdict == "fail"


@pytest.fixture
def pruned(contents):
    """The golden dictionary without every fourth piece, and how fairseq cuts its texts."""
    symbols = contents.dictionary.symbols
    tags = set(contents.language_tags.values())
    kept = tuple(s for i, s in enumerate(symbols) if i < 4 or i % 4 or i in tags)
    dictionary = Dictionary(symbols=kept)
    model = sentencepiece.SentencePieceProcessor(model_file=str(contents.pieces_path))
    cut = lambda text: " ".join(model.encode(text, out_type=str)).split()  # noqa: E731
    pruned = replace(contents, dictionary=dictionary, language_tags=find_languages(dictionary))
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
    assert failed == {"rows", "special tokens"}


SPECIAL = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}


@pytest.mark.parametrize("kind", ["char", "unigram", "bpe"])
def test_a_model_that_takes_text_as_it_is_passes_the_vocabulary(kind, contents, clips, tmp_path):
    texts = [clip.transcript for clip in clips if clip.transcript]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=str(tmp_path / "spm"),
        model_type=kind,
        vocab_size=120,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        minloglevel=2,
    )
    path = tmp_path / "spm.model"
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    pieces = (model.id_to_piece(i) for i in range(3, model.get_piece_size()))
    dictionary = Dictionary(symbols=(*SPECIAL_SYMBOLS, *pieces))
    characters = replace(
        contents, dictionary=dictionary, pieces_path=path, language_tags={}, prefix_tag=None
    )
    reference = Pieces(dictionary, lambda text: " ".join(model.encode(text, out_type=str)).split())
    target = Tokens(build_tokenizer(characters))
    assert vocabulary_level(characters, reference, target, texts).verdict == "pass"
