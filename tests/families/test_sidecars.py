import json
import shutil

import pytest
import yaml

from toolkit.core.errors import BadInput
from toolkit.families.sidecars import MAX_YAML_BYTES, find_sidecars


@pytest.fixture
def beside(tmp_path):
    """Makes the files beside a checkpoint; the checkpoint itself is not read."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()

    def make(config=None, files=("dict.txt", "spm.model")):
        if config is not None:
            text = config if isinstance(config, str) else yaml.safe_dump(config)
            (folder / "config.yaml").write_text(text)
        for name in files:
            (folder / name).write_text("a 1\n")
        return folder / "model.pt"

    return make


NAMED = {
    "vocab_filename": "dict.txt",
    "bpe_tokenizer": {"bpe": "sentencepiece", "sentencepiece_model": "spm.model"},
}


# Finding


def test_the_golden_companions_stand_beside_their_checkpoint(golden_checkpoint):
    found = find_sidecars(golden_checkpoint)
    folder = golden_checkpoint.parent
    assert found.config_yaml == folder / "config.yaml"
    assert (found.dict_path, found.spm_path) == (folder / "dict.txt", folder / "spm.model")
    assert len(found.dictionary) == 189
    assert found.config["hub"]["tgt_lang"] == "en"


def test_a_language_has_the_tag_of_its_row(golden_checkpoint):
    found = find_sidecars(golden_checkpoint)
    assert {code: found.tag_of(code) for code in found.languages} == {
        code: found.dictionary.symbols[row] for code, row in found.languages.items()
    }
    assert found.tag_of("de") == "<lang:de>"
    with pytest.raises(KeyError):
        found.tag_of("de_DE")


def test_files_that_the_configuration_names_are_found(beside):
    names = {"vocab_filename": "words.txt", "bpe_tokenizer": {"sentencepiece_model": "s.model"}}
    found = find_sidecars(beside(names, ["words.txt", "s.model", "other.model", "dict.txt"]))
    assert (found.dict_path.name, found.spm_path.name) == ("words.txt", "s.model")


def test_paths_of_the_machine_it_was_trained_on_are_looked_up_beside_the_checkpoint(beside):
    config = {
        "vocab_filename": "/cluster/somebody/dict.txt",
        "bpe_tokenizer": {"sentencepiece_model": "/cluster/somebody/data/spm.model"},
    }
    checkpoint = beside(config)
    found = find_sidecars(checkpoint)
    assert found.dict_path == checkpoint.parent / "dict.txt"
    assert found.spm_path == checkpoint.parent / "spm.model"


@pytest.mark.parametrize("option", ["vocab_filename", "sentencepiece_model"])
@pytest.mark.parametrize("outside", ["absolute", "climbing", "climbing from a folder"])
def test_a_name_that_leads_elsewhere_is_never_followed(beside, tmp_path, option, outside):
    secret = tmp_path / "secret.txt"
    secret.write_text("do not quote me\n")
    names = {
        "absolute": str(secret),
        "climbing": "../secret.txt",
        "climbing from a folder": "sub/../../secret.txt",
    }
    name = names[outside]
    config = {**NAMED, "vocab_filename": name}
    if option == "sentencepiece_model":
        config = {**NAMED, "bpe_tokenizer": {"bpe": "sentencepiece", option: name}}
    checkpoint = beside(config)
    (checkpoint.parent / "sub").mkdir()
    with pytest.raises(BadInput, match=r"secret\.txt`, the .* must stand beside") as caught:
        find_sidecars(checkpoint)
    assert "quote me" not in str(caught.value)


@pytest.mark.parametrize("name", ["..", "/", ".", "a\0b", "n" * 300])
def test_a_name_that_no_file_has_is_refused(beside, name):
    with pytest.raises(BadInput, match="`--dict`"):
        find_sidecars(beside(json.dumps({**NAMED, "vocab_filename": name})))


def test_everything_that_is_missing_is_named_at_once_with_where_it_was_looked_for(beside):
    checkpoint = beside(files=[])
    with pytest.raises(BadInput) as caught:
        find_sidecars(checkpoint)
    said = str(caught.value)
    for option in ("--config-yaml", "--dict", "--spm"):
        assert f"`{option}`" in said
    assert f"`{checkpoint.parent / 'dict.txt'}`" in said


def test_a_path_is_relative_to_the_configuration_that_names_it(beside, tmp_path):
    checkpoint = beside(files=[])
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    for name in ("sub/dict.txt", "sub/spm.model"):
        (data / name).write_text("a 1\n")
    config = {
        "vocab_filename": "sub/dict.txt",
        "bpe_tokenizer": {"sentencepiece_model": "sub/spm.model"},
    }
    (data / "config_st.yaml").write_text(yaml.safe_dump(config))
    found = find_sidecars(checkpoint, config_yaml=data / "config_st.yaml")
    assert found.dict_path == data / "sub/dict.txt"
    assert found.spm_path == data / "sub/spm.model"


def test_without_names_the_usual_ones_are_looked_up(beside):
    found = find_sidecars(beside({"use_audio_input": True}, ["dict.txt", "any.model"]))
    assert (found.dict_path.name, found.spm_path.name) == ("dict.txt", "any.model")


@pytest.mark.parametrize("bpe", [None, "sentencepiece", {}, {"sentencepiece_model": None}, []])
def test_a_tokenizer_without_a_model_counts_as_none_named(beside, bpe):
    found = find_sidecars(beside({"bpe_tokenizer": bpe}))
    assert found.spm_path.name == "spm.model"


def test_files_that_the_user_names_outweigh_the_configuration(beside, tmp_path):
    for name in ("mine.txt", "mine.model"):
        (tmp_path / name).write_text("c 1\n")
    found = find_sidecars(
        beside(NAMED), dict_path=tmp_path / "mine.txt", spm_path=tmp_path / "mine.model"
    )
    assert (found.dict_path, found.spm_path) == (tmp_path / "mine.txt", tmp_path / "mine.model")


@pytest.mark.parametrize("config", [{}, {"bpe_tokenizer": None}, {"bpe_tokenizer": {"bpe": None}}])
def test_without_a_sentencepiece_model_there_is_none(beside, config):
    assert find_sidecars(beside(config, ["dict.txt"])).spm_path is None


def test_a_model_that_the_user_names_is_taken_where_the_configuration_names_none(beside, tmp_path):
    (tmp_path / "mine.model").touch()
    found = find_sidecars(beside({}, ["dict.txt"]), spm_path=tmp_path / "mine.model")
    assert found.spm_path == tmp_path / "mine.model"


@pytest.mark.parametrize("none", [None, {"tokenizer": None}, {}])
def test_no_tokenizer_before_sentencepiece_is_no_hindrance(beside, none):
    assert find_sidecars(beside({**NAMED, "pre_tokenizer": none})).spm_path.name == "spm.model"


# Refusing


def test_a_missing_configuration_is_refused(beside):
    with pytest.raises(BadInput, match=r"config.yaml` must be .*no such file.*`--config-yaml`"):
        find_sidecars(beside())


def test_a_missing_dictionary_is_refused_by_the_name_that_was_looked_up(beside):
    with pytest.raises(BadInput, match=r"`dict.txt`, the dictionary that .*config.yaml.*`--dict`"):
        find_sidecars(beside(NAMED, ["spm.model"]))


def test_a_missing_sentencepiece_model_is_refused_by_the_name_that_was_looked_up(beside):
    with pytest.raises(BadInput, match=r"`spm.model`, the sentencepiece model that .*`--spm`"):
        find_sidecars(beside(NAMED, ["dict.txt", "other.model"]))


@pytest.mark.parametrize("names", [[], ["one.model", "two.model"]])
@pytest.mark.parametrize("bpe", ["sentencepiece", {"bpe": "sentencepiece"}])
def test_none_or_several_sentencepiece_models_are_refused_with_their_number(beside, names, bpe):
    with pytest.raises(BadInput, match=f"and {len(names)} files .*--spm"):
        find_sidecars(beside({"bpe_tokenizer": bpe}, ["dict.txt", *names]))


def test_several_models_are_refused_where_none_is_named(beside):
    with pytest.raises(BadInput, match=r"and 2 files .*--spm"):
        find_sidecars(beside({}, ["dict.txt", "one.model", "two.model"]))


def test_a_dictionary_of_pieces_is_refused_without_its_sentencepiece_model(beside):
    checkpoint = beside({}, ["dict.txt"])
    (checkpoint.parent / "dict.txt").write_text("▁a 1\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"and 0 files .*--spm"):
        find_sidecars(checkpoint)


@pytest.mark.parametrize(
    "bpe", ["characters", "byte_bpe", "bytes", "fastbpe", "gpt2", "hf_byte_bpe", "subword_nmt", 1]
)
def test_other_ways_to_cut_words_are_refused_by_name(beside, bpe):
    with pytest.raises(BadInput, match=f"`bpe_tokenizer.bpe` .* or null, but is '{bpe}'"):
        find_sidecars(beside({**NAMED, "bpe_tokenizer": {"bpe": bpe}}))


@pytest.mark.parametrize("tokenizer", ["moses", "nltk", "space"])
def test_a_tokenizer_before_sentencepiece_is_refused_by_name(beside, tokenizer):
    with pytest.raises(BadInput, match=f"`pre_tokenizer.tokenizer` .* null, but is '{tokenizer}'"):
        find_sidecars(beside({**NAMED, "pre_tokenizer": {"tokenizer": tokenizer}}))


@pytest.mark.parametrize("option", ["dict_path", "config_yaml"])
def test_a_named_file_that_is_missing_is_refused(beside, tmp_path, option):
    with pytest.raises(BadInput, match="nowhere"):
        find_sidecars(beside(NAMED), **{option: tmp_path / "nowhere"})


@pytest.mark.parametrize(
    ("text", "found"), [("", "NoneType"), ("- a", "list"), ("just text", "str"), ("3", "int")]
)
def test_a_configuration_that_is_no_mapping_is_refused(beside, text, found):
    with pytest.raises(BadInput, match=f"must hold a mapping of settings, but holds {found}"):
        find_sidecars(beside(text))


@pytest.mark.parametrize(
    "text", ["a: [", "a: b: c", "\tx", "a: &x [*x", "? {a: b}\n: c", "a: \x01"]
)
def test_a_configuration_that_is_no_yaml_is_refused(beside, text):
    with pytest.raises(BadInput, match="must be the checkpoint's data configuration in YAML"):
        find_sidecars(beside(text))


def test_a_configuration_that_is_not_utf_8_is_refused(beside):
    checkpoint = beside(NAMED)
    (checkpoint.parent / "config.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(BadInput, match=r"in YAML, but .*invalid start byte"):
        find_sidecars(checkpoint)


def test_a_configuration_that_is_a_folder_is_refused(beside):
    checkpoint = beside(NAMED)
    with pytest.raises(BadInput, match=r"in YAML, but it is no plain file"):
        find_sidecars(checkpoint, config_yaml=checkpoint.parent)


def test_a_configuration_that_is_too_large_is_refused_unread(beside):
    checkpoint = beside("#" * (MAX_YAML_BYTES + 1))
    with pytest.raises(BadInput, match=f"it has more than {MAX_YAML_BYTES} bytes"):
        find_sidecars(checkpoint)


def test_a_configuration_nested_beyond_measure_is_refused(beside):
    with pytest.raises(BadInput, match="in YAML"):
        find_sidecars(beside("a: " + "[" * 5000))


@pytest.mark.parametrize(
    "attack",
    [
        "!!python/object/apply:os.system ['touch {ran}']",
        "!!python/object/new:os.system ['touch {ran}']",
        "!!python/object/apply:subprocess.check_output [[touch, {ran}]]",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/tuple [1]",
    ],
)
def test_a_tag_that_would_run_code_does_not_and_is_refused(beside, tmp_path, attack):
    ran = tmp_path / "ran"
    with pytest.raises(BadInput, match="could not determine a constructor for the tag"):
        find_sidecars(beside(f"a: {attack.format(ran=ran)}"))
    assert not ran.exists()


def test_a_bad_dictionary_beside_a_good_configuration_is_refused(beside):
    checkpoint = beside(NAMED)
    (checkpoint.parent / "dict.txt").write_text("no count\n")
    with pytest.raises(BadInput, match="line 1 is 'no count'"):
        find_sidecars(checkpoint)


def test_the_golden_companions_are_found_wherever_the_folder_lies(golden_checkpoint, tmp_path):
    copied = shutil.copytree(golden_checkpoint.parent, tmp_path / "elsewhere")
    assert find_sidecars(copied / "model.pt").dict_path == copied / "dict.txt"


@pytest.mark.parametrize(
    "config",
    [
        r'vocab_filename: "\ud800"',
        r'vocab_filename: "a\e[2J\u202e"',
        r'bpe_tokenizer: {sentencepiece_model: "\ud800\n"}',
        r'bpe_tokenizer: {bpe: "\e[2J"}',
        r'pre_tokenizer: {tokenizer: "\u202e"}',
        r'!!foo "\u202e"',
        r'"a\e[2J": "',
    ],
)
def test_an_error_about_a_hostile_configuration_can_be_printed(beside, config):
    with pytest.raises(BadInput) as caught:
        find_sidecars(beside(config))
    assert str(caught.value).isprintable()
