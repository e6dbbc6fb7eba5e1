import json

import pytest
from transformers import AutoConfig, AutoFeatureExtractor, AutoProcessor, GenerationConfig

from toolkit.blocks.tree import values_under
from toolkit.pipeline.writing import write_converted


def read(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_the_folder_holds_exactly_the_files_of_a_model(converted):
    assert {
        file.relative_to(converted).as_posix() for file in converted.rglob("*") if file.is_file()
    } == {
        "custom_generate/generate.py",
        "config.json",
        "generation_config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors",
    }


def test_the_configuration_holds_only_what_was_derived(prepared, converted):
    config = read(converted, "config.json")
    assert config["encoder"].keys() == values_under(prepared.network.config, "encoder").keys()
    assert config["decoder"].keys() == values_under(prepared.network.config, "decoder").keys()
    assert config.keys() - {"encoder", "decoder"} == {
        "architectures",
        "model_type",
        "is_encoder_decoder",
        "tie_word_embeddings",
        "dtype",
        "bos_token_id",
        "pad_token_id",
        "eos_token_id",
        "decoder_start_token_id",
    }


@pytest.mark.parametrize("kind", ["config", "generation", "preprocessor"])
def test_every_configuration_is_written_as_it_is(prepared, converted, kind):
    name = "config.json" if kind == "config" else f"{kind}_config.json"
    assert read(converted, name) == getattr(prepared.task.contents, kind)


def test_transformers_reads_every_derived_value_back(prepared, converted):
    config = AutoConfig.from_pretrained(converted)
    for side in ("encoder", "decoder"):
        for key, derived in values_under(prepared.network.config, side).items():
            assert getattr(getattr(config, side), key) == derived.value, f"{side}.{key}"


def test_transformers_reads_every_generation_value_back(prepared, converted):
    generation = GenerationConfig.from_pretrained(converted)
    for key, value in prepared.task.contents.generation.items():
        assert getattr(generation, key) == value


def test_transformers_reads_the_front_end_and_the_processor_back(converted):
    extractor = AutoFeatureExtractor.from_pretrained(converted)
    assert (extractor.do_normalize, extractor.sampling_rate) == (True, 16_000)
    processor = AutoProcessor.from_pretrained(converted)
    assert type(processor).__name__ == "Wav2Vec2Processor"
    assert len(processor.tokenizer) == len(processor.tokenizer.get_vocab())


def test_writing_twice_gives_the_same_bytes(prepared, converted, tmp_path):
    write_converted(prepared, tmp_path)
    for file in (path for path in converted.rglob("*") if path.is_file()):
        name = file.relative_to(converted)
        assert (tmp_path / name).read_bytes() == file.read_bytes(), name
