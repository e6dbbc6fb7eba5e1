import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.checkpoint.dictionary import (
    BOS,
    EOS,
    OVERWRITE,
    PAD,
    SPECIAL_SYMBOLS,
    UNK,
    Dictionary,
    dictionary_file,
    read_dictionary,
)
from toolkit.core.errors import BadInput


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dict.txt"


def write(path, *rows):
    path.write_bytes("".join(f"{row}\n" for row in rows).encode())
    return path


def symbols_of(path, *rows):
    return read_dictionary(write(path, *rows)).symbols[len(SPECIAL_SYMBOLS) :]


# Reading


def test_a_dictionary_begins_with_fairseqs_own_symbols(path):
    dictionary = read_dictionary(write(path, "a 7"))
    assert dictionary.symbols == ("<s>", "<pad>", "</s>", "<unk>", "a")
    assert [dictionary.index(s) for s in SPECIAL_SYMBOLS] == [BOS, PAD, EOS, UNK]
    assert len(dictionary) == 5


def test_an_empty_file_has_fairseqs_own_symbols_alone(path):
    assert symbols_of(path) == ()


def test_the_last_row_needs_no_newline(path):
    path.write_text("a 1\nb 1")
    assert read_dictionary(path).symbols[4:] == ("a", "b")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_newlines_of_every_system_end_a_row(path, newline):
    path.write_bytes(newline.join(["a 1", "b 2", ""]).encode())
    assert read_dictionary(path).symbols[4:] == ("a", "b")


def test_a_symbol_may_hold_spaces_and_only_the_last_one_parts_the_count(path):
    assert symbols_of(path, "a b 1", " 1", "\u00a0 1") == ("a b", "", "\u00a0")


@pytest.mark.parametrize("count", ["0", "-1", "+3", "123456789"])
def test_a_count_is_any_whole_number(path, count):
    assert symbols_of(path, f"a {count}") == ("a",)


def test_space_at_the_end_of_a_row_has_no_meaning(path):
    assert symbols_of(path, "a 1 \t") == ("a",)


def test_a_flag_lets_a_symbol_stand_twice_and_the_last_id_counts(path):
    dictionary = read_dictionary(write(path, "a 1", "b 1", f"a 1 {OVERWRITE}"))
    assert dictionary.symbols[4:] == ("a", "b", "a")
    assert dictionary.index("a") == 6


def test_a_flag_lets_a_row_overwrite_fairseqs_own_symbols(path):
    dictionary = read_dictionary(write(path, f"<s> 999 {OVERWRITE}"))
    assert dictionary.index("<s>") == 4


def test_a_flag_on_a_new_symbol_changes_nothing(path):
    assert symbols_of(path, f"a 1 {OVERWRITE}", "b 1") == ("a", "b")


def test_a_flag_alone_is_a_symbol_like_any_other(path):
    assert symbols_of(path, f"{OVERWRITE} 1") == (OVERWRITE,)


# Words of a dictionary that rows can hold: no line ends, none of the whitespace that ends a row.
WORDS = st.text(st.characters(exclude_categories=["Cs", "Zl", "Zp", "Cc"]), min_size=1, max_size=8)


@given(words=st.lists(WORDS, unique=True), counts=st.data())
def test_any_words_written_as_fairseq_writes_them_come_back(tmp_path_factory, words, counts):
    path = tmp_path_factory.getbasetemp() / "round_trip.txt"
    new = [word for word in words if word not in SPECIAL_SYMBOLS]
    write(path, *(f"{word} {counts.draw(st.integers(-9, 10**9))}" for word in new))
    dictionary = read_dictionary(path)
    assert dictionary.symbols == (*SPECIAL_SYMBOLS, *new)
    assert all(dictionary.symbols[dictionary.index(word)] == word for word in new)


@given(symbols=st.lists(st.sampled_from(["a", "b c", "\u2581d", "e"]), max_size=8))
def test_a_file_of_a_dictionary_says_the_same_rows_be_they_there_twice(tmp_path_factory, symbols):
    path = tmp_path_factory.mktemp("written") / "dict.txt"
    dictionary = Dictionary(symbols=(*SPECIAL_SYMBOLS, *symbols))
    path.write_bytes(dictionary_file(dictionary))
    assert read_dictionary(path) == dictionary


@given(content=st.binary(max_size=60))
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(content)
    with contextlib.suppress(BadInput):
        assert read_dictionary(path).symbols[:4] == SPECIAL_SYMBOLS


# Refusing


def test_a_symbol_that_stands_twice_is_refused_by_line(path):
    with pytest.raises(BadInput, match=r"line 3 repeats 'a'.*`--dict`"):
        read_dictionary(write(path, "a 1", "b 1", "a 2"))


@pytest.mark.parametrize("symbol", SPECIAL_SYMBOLS)
def test_fairseqs_own_symbols_must_not_stand_again(path, symbol):
    with pytest.raises(BadInput, match=f"line 1 repeats '{symbol}'"):
        read_dictionary(write(path, f"{symbol} 1"))


@pytest.mark.parametrize(
    "row",
    [
        "",
        " ",
        "a",
        "a b",
        "a 1.5",
        "a 1e3",
        "a ٣",
        "a 1_000",
        "a\t1",
        f"a {OVERWRITE}",
        OVERWRITE,
        f"1 {OVERWRITE}",
    ],
)
def test_a_row_of_another_shape_is_refused_by_line(path, row):
    with pytest.raises(BadInput, match=r"must have rows of `symbol count`, .*line 2 is "):
        read_dictionary(write(path, "x 1", row))


def test_every_bad_row_is_counted_and_the_first_five_are_shown(path):
    with pytest.raises(BadInput) as caught:
        read_dictionary(write(path, "x 1", *(f"bad{i}" for i in range(4)), "x 1", "bad", "bad"))
    message = str(caught.value)
    for number in (2, 3, 4, 5):
        assert f"line {number} is" in message
    assert "line 6 repeats 'x', and 2 more." in message


def test_a_missing_file_is_refused(path):
    with pytest.raises(BadInput, match=r"must be a readable .*there is no such file.*`--dict`"):
        read_dictionary(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(BadInput, match="must be a readable fairseq dictionary"):
        read_dictionary(tmp_path)


def test_a_file_that_is_not_utf_8_is_refused(path):
    path.write_bytes("ä 1\n".encode("latin-1"))
    with pytest.raises(BadInput, match=r"in UTF-8, but .*codec can't decode"):
        read_dictionary(path)


# Use


def test_an_unknown_symbol_has_the_id_of_unk():
    assert Dictionary(symbols=(*SPECIAL_SYMBOLS, "a")).index("b") == UNK


def test_a_dictionary_of_labels_begins_with_nothing_but_its_rows(path):
    path.write_text("<s> 1\nara 1\n")
    assert read_dictionary(path, begins=()).symbols == ("<s>", "ara")
    with pytest.raises(BadInput, match="repeats '<s>'"):
        read_dictionary(path)
