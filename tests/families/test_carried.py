import pytest

from toolkit.bundled import find_class
from toolkit.families import wav2vec2_seq2seq, xm_transformer
from toolkit.families.carried import PREPROCESSOR, CarriedPair, carried_files

PIECES, LETTERS = xm_transformer.ANATOMY.carried, wav2vec2_seq2seq.ANATOMY.carried
BESIDE = ("speech_encoder_decoder.py", "conformer_stack.py", "feature_extraction_fairseq.py")


@pytest.mark.parametrize(
    ("model", "tokenizer", "names"),
    [
        (None, False, []),
        (PIECES, False, ["modeling_xm_transformer.py", *BESIDE]),
        (LETTERS, False, ["modeling_fairseq_seq2seq.py", *BESIDE]),
        (None, True, ["tokenization_fairseq.py"]),
    ],
)
def test_what_is_carried_is_the_search_and_what_was_asked_for(
    model: CarriedPair | None, tokenizer: bool, names: list[str]
) -> None:
    files = carried_files(model, tokenizer=tokenizer)
    assert list(files) == ["custom_generate/generate.py", *names]
    assert all(file.is_file() for file in files.values())


@pytest.mark.parametrize("model", [PIECES, LETTERS])
def test_the_classes_that_configurations_name_are_in_files_that_are_carried(
    model: CarriedPair,
) -> None:
    files = carried_files(model)
    for reference in (*model.config["auto_map"].values(), *PREPROCESSOR["auto_map"].values()):
        assert f"{reference.partition('.')[0]}.py" in files
        assert isinstance(find_class(reference), type)


@pytest.mark.parametrize(
    ("model", "model_type"), [(PIECES, "xm_transformer"), (LETTERS, "fairseq_seq2seq")]
)
def test_a_model_and_its_parts_are_called_as_their_family_says(
    model: CarriedPair, model_type: str
) -> None:
    whole = find_class(model.config["auto_map"]["AutoConfig"])
    parts = whole.sub_configs_defaults
    assert (whole.model_type, model.config["model_type"]) == (model_type, model_type)
    assert parts["encoder"].model_type == model.encoder == f"{model_type}_encoder"
    assert parts["decoder"].model_type == model.decoder == f"{model_type}_decoder"
