import pytest

from toolkit.bundled import find_class
from toolkit.families.carried import CLASSES, CONFIG, PREPROCESSOR, carried_files

MODEL = ("modeling_xm_transformer.py", "conformer_stack.py")


@pytest.mark.parametrize(
    ("classes", "tokenizer", "names"),
    [
        (False, False, []),
        (True, False, [*MODEL, "feature_extraction_fairseq.py"]),
        (False, True, ["tokenization_fairseq.py"]),
    ],
)
def test_what_is_carried_is_the_search_and_what_was_asked_for(classes, tokenizer, names):
    files = carried_files(classes=classes, tokenizer=tokenizer)
    assert list(files) == ["custom_generate/generate.py", *names]
    assert all(file.is_file() for file in files.values())


def test_the_classes_that_configurations_name_are_in_files_that_are_carried():
    files = carried_files(classes=True, tokenizer=False)
    assert set(CLASSES) == {*CONFIG["auto_map"], *PREPROCESSOR["auto_map"]}
    for reference in CLASSES.values():
        assert f"{reference.partition('.')[0]}.py" in files
        assert isinstance(find_class(reference), type)
