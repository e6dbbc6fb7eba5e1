import subprocess
import sys

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer

from toolkit.bundled import TOKENIZATION
from toolkit.bundled.tokenization_fairseq import FairseqTokenizerFast

ROWS = ("<s>", "<pad>", "</s>", "<unk>", "a", "b", "<lang:de>")
MISSING = ("ab", "c")
UNK, A, B, DE, EOS = 3, 4, 5, 6, 2


def backend():
    tokenizer = Tokenizer(models.Unigram([(row, -1.0) for row in (*ROWS, *MISSING)], unk_id=UNK))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = [AddedToken(token, special=True) for token in (*ROWS[:4], ROWS[DE])]
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="tag $A end",
        special_tokens=[
            {"id": "tag", "ids": [DE], "tokens": ["<lang:de>"]},
            {"id": "end", "ids": [EOS], "tokens": ["</s>"]},
        ],
    )
    return tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("own_tokenizer") / "folder"
    FairseqTokenizerFast(
        tokenizer_object=backend(),
        dictionary_size=len(ROWS),
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens=["<lang:de>"],
    ).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder, trust_remote_code=True)


# Encoding


@pytest.mark.parametrize(
    ("text", "ids"),
    [("a b", [A, B]), ("ab", [UNK]), ("c", [UNK]), ("b ab c a", [B, UNK, UNK, A]), ("", [])],
)
def test_a_missing_piece_takes_part_and_becomes_unk(tokenizer, text, ids):
    assert tokenizer(text).input_ids == [DE, *ids, EOS]
    assert tokenizer.encode(text, add_special_tokens=False) == ids


def test_without_the_class_a_missing_piece_has_an_id_beyond_the_dictionary():
    assert backend().encode("ab").ids == [DE, len(ROWS), EOS]


def test_batches_are_padded_and_become_tensors(tokenizer):
    batch = tokenizer(["ab a", "c"], padding=True, return_tensors="pt")
    assert batch.input_ids.tolist() == [[DE, UNK, A, EOS], [DE, UNK, EOS, 1]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


def test_pairs_and_targets_are_encoded_alike(tokenizer):
    assert tokenizer("a", "ab", add_special_tokens=False).input_ids == [A, UNK]
    assert tokenizer(text_target="c b").input_ids == [DE, UNK, B, EOS]


def test_what_overflows_is_encoded_alike(tokenizer):
    parts = tokenizer("ab a c", truncation=True, max_length=3, return_overflowing_tokens=True)
    assert parts.input_ids == [[DE, UNK, EOS], [DE, A, EOS], [DE, UNK, EOS]]


def test_words_that_are_split_already_are_encoded_alike(tokenizer):
    words = tokenizer(["ab", "a"], is_split_into_words=True)
    assert words.input_ids == [DE, UNK, A, EOS]
    assert words.word_ids() == [None, 0, 1, None]


def test_special_tokens_in_a_text_are_found_or_not_as_asked(tokenizer):
    text = "<lang:de> ab"
    assert tokenizer(text, add_special_tokens=False).input_ids == [DE, UNK]
    parts = tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
    assert max(parts) < len(ROWS)


def test_the_pieces_of_a_text_are_shown_as_they_are(tokenizer):
    assert tokenizer.tokenize("ab b") == ["ab", "b"]


# Vocabulary


def test_the_vocabulary_is_the_dictionary(tokenizer):
    assert len(tokenizer) == tokenizer.vocab_size == len(ROWS)
    assert tokenizer.get_vocab() == tokenizer.vocab == {row: i for i, row in enumerate(ROWS)}
    assert tokenizer.convert_ids_to_tokens(list(range(len(ROWS)))) == list(ROWS)


def test_a_missing_piece_has_no_id_and_no_row(tokenizer):
    assert tokenizer.convert_tokens_to_ids(["ab", "a"]) == [UNK, A]
    assert tokenizer.convert_tokens_to_ids("c") == UNK
    assert tokenizer.convert_ids_to_tokens([A, len(ROWS), len(ROWS) + 1, 99]) == [
        "a",
        None,
        None,
        None,
    ]
    assert tokenizer.convert_ids_to_tokens(len(ROWS)) is None


def test_a_token_that_is_added_is_counted_and_found(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    tokenizer.add_tokens(["<mask>"])
    assert len(tokenizer) == len(ROWS) + 1
    assert tokenizer.get_vocab()["<mask>"] == len(ROWS) + len(MISSING)


def test_special_tokens_are_skipped_in_decoding(tokenizer):
    assert tokenizer.decode([DE, A, UNK, B, EOS], skip_special_tokens=True) == "a b"


# Files


def test_the_folder_carries_the_class_and_nothing_else_of_ours(folder):
    names = {"tokenization_fairseq.py", "tokenizer.json", "tokenizer_config.json"}
    assert {file.name for file in folder.iterdir()} == names
    assert (folder / TOKENIZATION.name).read_bytes() == TOKENIZATION.read_bytes()


def test_saved_and_loaded_again_it_is_the_same(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path, trust_remote_code=True)
    assert (tmp_path / TOKENIZATION.name).read_bytes() == TOKENIZATION.read_bytes()
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again("ab c a").input_ids == tokenizer("ab c a").input_ids == [DE, UNK, UNK, A, EOS]
    assert again.all_special_tokens == tokenizer.all_special_tokens


def test_without_trust_the_folder_is_refused(folder):
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


@pytest.mark.wide
def test_the_folder_loads_where_the_toolkit_is_not_installed(folder, tmp_path):
    program = (
        "import sys; sys.modules['toolkit'] = None\n"
        "from transformers import AutoTokenizer\n"
        f"tokenizer = AutoTokenizer.from_pretrained({str(folder)!r}, trust_remote_code=True)\n"
        "print(tokenizer('ab c a').input_ids)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"HF_MODULES_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.strip() == str([DE, UNK, UNK, A, EOS]), run.stderr
