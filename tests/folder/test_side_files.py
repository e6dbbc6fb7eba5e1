import json

import pytest
import transformers

from toolkit.folder.view import view_folder

FEATURES = "preprocessor_config.json"
PROCESSOR = "processor_config.json"
GENERATION = "generation_config.json"


def read(file):
    return json.loads(file.read_text())


def write(file, **changes):
    before = read(file) if file.exists() else {}
    file.write_text(json.dumps({**before, **changes}))


def nest(folder, key="feature_extractor", **changes):
    """Writes the feature extractor as transformers 5 does."""
    values = {k: v for k, v in read(folder / FEATURES).items() if k != "processor_class"}
    write(folder / PROCESSOR, **{key: {**values, **changes}})


# The processor


@pytest.mark.parametrize("file", [PROCESSOR, FEATURES, "tokenizer_config.json", "config.json"])
def test_the_first_file_that_names_a_processor_decides(file, broken):
    order = (PROCESSOR, FEATURES, "tokenizer_config.json", "config.json")
    for name in order:
        values = {k: v for k, v in read(broken / name).items() if k != "processor_class"}
        (broken / name).write_text(json.dumps(values))
    for name in order[order.index(file) :]:
        write(broken / name, processor_class=f"Named{order.index(name)}")
    found = view_folder(broken).value("processor_config.processor_class")
    assert found == f"Named{order.index(file)}"


@pytest.mark.parametrize("other", ["WhisperProcessor", "Speech2TextProcessor"])
def test_it_is_the_class_that_transformers_builds(other, broken):
    write(broken / PROCESSOR, processor_class=other)
    built = transformers.AutoProcessor.from_pretrained(broken)
    assert view_folder(broken).processor == {"processor_class": type(built).__name__}


# The feature extractor


@pytest.mark.parametrize("key", ["feature_extractor", "audio_processor"])
def test_the_nested_feature_extractor_alone_is_right(key, broken, converted):
    nest(broken, key)
    (broken / FEATURES).unlink()
    view = view_folder(broken)
    assert view.problems == ()
    assert view.preprocessor == view_folder(converted).preprocessor


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("do_normalize", False),
        ("return_attention_mask", False),
        ("padding_side", "left"),
        ("padding_value", 1.0),
        ("sampling_rate", 8000),
        ("feature_size", 80),
    ],
)
def test_the_nested_feature_extractor_wins(key, value, broken):
    nest(broken, **{key: value})
    assert view_folder(broken).value(f"preprocessor_config.{key}") == value


def test_a_nested_feature_extractor_of_null_leaves_the_word_to_the_other_file(broken):
    write(broken / PROCESSOR, feature_extractor=None)
    write(broken / FEATURES, do_normalize=False)
    assert view_folder(broken).value("preprocessor_config.do_normalize") is False


def test_what_transformers_never_reads_is_no_problem(broken):
    nest(broken)
    (broken / FEATURES).write_text("{")
    assert view_folder(broken).problems == ()


@pytest.mark.parametrize("nested", [{}, [], "Wav2Vec2FeatureExtractor", 3])
def test_a_nested_feature_extractor_that_is_none_is_a_problem_of_its_file(nested, broken):
    write(broken / PROCESSOR, feature_extractor=nested)
    (problem,) = view_folder(broken).problems
    assert problem.startswith(f"{PROCESSOR}: ")


def test_a_broken_processor_is_a_problem_of_its_file(broken):
    (broken / PROCESSOR).write_text("{")
    assert any(p.startswith(f"{PROCESSOR}: ") for p in view_folder(broken).problems)


@pytest.mark.parametrize("name", ["WhisperFeatureExtractor", "SeamlessM4TFeatureExtractor"])
@pytest.mark.parametrize("nested", [True, False])
def test_another_kind_of_feature_extractor_is_named_and_nothing_else(name, nested, broken):
    if nested:
        nest(broken, feature_extractor_type=name)
    else:
        write(broken / FEATURES, feature_extractor_type=name)
    view = view_folder(broken)
    assert view.value("preprocessor_config.feature_extractor_type") == name
    assert view.preprocessor.keys() == view_folder(broken).preprocessor.keys()


def test_an_unknown_kind_of_feature_extractor_is_a_problem(broken):
    write(broken / FEATURES, feature_extractor_type="NothingFeatureExtractor")
    view = view_folder(broken)
    assert view.feature_extractor is None
    assert [problem.partition(":")[0] for problem in view.problems] == [FEATURES]


def test_saved_by_transformers_the_processor_has_the_same_values(broken, converted):
    processor = transformers.AutoProcessor.from_pretrained(converted)
    for name in (FEATURES, PROCESSOR):
        (broken / name).unlink()
    processor.save_pretrained(broken)
    view = view_folder(broken)
    assert view.problems == ()
    assert view.preprocessor == view_folder(converted).preprocessor


# Generation


def effective(folder):
    """What a model of the folder generates with, by transformers."""
    model = transformers.AutoModelForSpeechSeq2Seq.from_pretrained(folder)
    return {**transformers.GenerationConfig().to_dict(), **model.generation_config.to_dict()}


@pytest.mark.parametrize("place", ["top", "decoder"])
def test_without_a_file_generation_is_what_transformers_derives(place, broken):
    (broken / GENERATION).unlink()
    config = read(broken / "config.json")
    inner = config if place == "top" else config["decoder"]
    inner |= {"num_beams": 5, "max_length": 202, "no_repeat_ngram_size": 3}
    (broken / "config.json").write_text(json.dumps(config))
    view = view_folder(broken)
    assert view.problems == ()
    assert view.value("generation_config.num_beams") == 5
    assert view.generation == effective(broken)


def test_without_any_configuration_nothing_can_be_derived(broken):
    for name in (GENERATION, "config.json"):
        (broken / name).unlink()
    assert {problem.partition(":")[0] for problem in view_folder(broken).problems} >= {
        GENERATION,
        "config.json",
    }
