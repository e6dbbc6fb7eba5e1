from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, Dictionary
from toolkit.families.languages import find_languages


def test_language_tags_are_found_in_the_order_of_the_file():
    symbols = (
        *SPECIAL_SYMBOLS,
        "<lang:ru>",
        "a",
        "<lang:de>",
        "x<lang:en>",
        "<lang:>",
        "<lang:zh_CN>",
    )
    languages = find_languages(Dictionary(symbols=symbols))
    assert list(languages.items()) == [("ru", 4), ("de", 6), ("zh_CN", 9)]
    assert all(symbols[index] == f"<lang:{code}>" for code, index in languages.items())


def test_language_tags_of_mbart_are_found_by_their_codes():
    symbols = (*SPECIAL_SYMBOLS, "[de_DE]", "a", "[en_XX]", "[MASK]", "[1]", "x[de_DE]", "[se_x-y]")
    languages = find_languages(Dictionary(symbols=symbols))
    assert list(languages.items()) == [("de_DE", 4), ("en_XX", 6)]


def test_tags_of_mbart_are_no_languages_beside_those_of_fairseqs_task():
    dictionary = Dictionary(symbols=(*SPECIAL_SYMBOLS, "[de_DE]", "<lang:de>"))
    assert find_languages(dictionary) == {"de": 5}


def test_a_dictionary_without_tags_has_no_languages():
    assert find_languages(Dictionary(symbols=(*SPECIAL_SYMBOLS, "a"))) == {}
