import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.bundled.elsewhere import SCRIPT, Elsewhere, make_elsewhere
from tests.sampling import slow
from toolkit.bundled import FEATURES, GENERATION, MODELLING, PARTS, STACK, TOKENIZATION
from toolkit.core.errors import BadInput
from toolkit.folder.foreign_code import carries_own_code_only, find_foreign_code
from toolkit.oracle.search import with_beam
from toolkit.pipeline.reference import open_reference
from toolkit.replay.target import DoesNotLoad
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget


@pytest.fixture
def folder(carrying, tmp_path):
    """A folder with code, to be changed by the test."""
    return Path(shutil.copytree(carrying("even").folder, tmp_path / "hf"))


@pytest.fixture
def marker(tmp_path):
    """A file that foreign code would write."""
    return tmp_path / "was-here"


@pytest.fixture
def foreign(marker):
    return f"open({str(marker)!r}, 'w').close()\n"


def change(file, **changes):
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, **changes}))


def refer(folder, text):
    """Makes the configuration refer to code by a text that stands in JSON as it is."""
    file = folder / "config.json"
    change(file, auto_map={"AutoConfig": "HERE"})
    file.write_text(file.read_text().replace("HERE", text))


# Whose code it is


def test_a_converted_folder_carries_our_code_alone(carrying, converted):
    assert carries_own_code_only(carrying("v1").folder)
    assert carries_own_code_only(carrying("even").folder)
    assert carries_own_code_only(converted)


def test_a_saved_folder_carries_our_code_still(carrying, tmp_path):
    Seq2SeqTarget(carrying("even").folder).model.save_pretrained(tmp_path / "saved")
    for own in (MODELLING, PARTS, STACK):
        assert (tmp_path / "saved" / own.name).exists()
    assert carries_own_code_only(tmp_path / "saved")


def test_a_folder_without_code_carries_nobodys(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert carries_own_code_only(tmp_path)


@pytest.mark.parametrize(
    "name", ["more.py", "custom_generate/more.py", "custom_generate/generate.py", MODELLING.name]
)
def test_another_file_is_not_ours(folder, foreign, name):
    (folder / name).write_text(foreign)
    assert not carries_own_code_only(folder)


@pytest.mark.parametrize("file", [GENERATION, MODELLING, PARTS, STACK, TOKENIZATION])
@pytest.mark.parametrize("change_to", [b"\n", b"\xff", b"\r"])
def test_our_code_with_one_byte_more_is_not_ours(tmp_path, file, change_to):
    name = "generate.py" if file == GENERATION else file.name
    (tmp_path / name).write_bytes(file.read_bytes())
    assert carries_own_code_only(tmp_path)
    (tmp_path / name).write_bytes(file.read_bytes() + change_to)
    assert not carries_own_code_only(tmp_path)


@pytest.mark.parametrize(
    ("place", "own"),
    [
        ("custom_generate/generate.py", MODELLING),
        ("generation.py", GENERATION),
        (MODELLING.name, FEATURES),
        (FEATURES.name, TOKENIZATION),
    ],
)
def test_our_code_in_the_place_of_other_code_is_not_ours(folder, place, own):
    (folder / place).write_bytes(own.read_bytes())
    assert [item.file for item in find_foreign_code(folder)] == [place]


@pytest.mark.parametrize(
    "name",
    [
        *("custom_generate/requirements.txt", "custom_generate/generate.so", "fast.so", "x.pyd"),
        *("custom_generate/__pycache__/generate.cpython-311.pyc", "custom_generate/weights.bin"),
        *("chat_template.jinja", "additional_chat_templates/rag.jinja", "chat_template.json"),
        *("audio_tokenizer_config.json", "sub/folder/more.py", "modeling_xm_transformer.pyc"),
    ],
)
def test_whatever_may_run_or_load_another_model_is_named(folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"{}")
    assert [str(item) for item in find_foreign_code(folder)] == [f"`{name}`"]


@pytest.mark.parametrize(
    "name",
    [
        *("README.md", "LICENSE", "training_args.bin", "optimizer.pt", "rng_state.pth", "log.txt"),
        *("requirements.txt", "custom_generate/README.md", "vocab.json", "trainer_state.json"),
    ],
)
def test_what_nobody_runs_is_harmless(folder, name):
    (folder / name).write_text('{"auto_map": 1}' if name == "vocab.json" else "{}")
    assert carries_own_code_only(folder)


@pytest.mark.parametrize(
    ("file", "changes", "keys"),
    [
        ("config.json", {"custom_pipelines": {"speech": {"impl": "x.P"}}}, ["custom_pipelines"]),
        ("processor_config.json", {"chat_template": "{{ x }}"}, ["chat_template"]),
        ("tokenizer_config.json", {"chat_template": [{"name": "a"}]}, ["chat_template"]),
        ("processor_config.json", {"audio_tokenizer": {"a": 1}}, ["audio_tokenizer"]),
        ("processor_config.json", {"feature_extractor": {"auto_map": "x.F"}}, ["auto_map"]),
        ("generation_config.json", {"auto_map": ["x.F"]}, ["auto_map"]),
        ("config.json", {"custom_pipelines": {}, "chat_template": None}, []),
    ],
)
def test_a_key_that_refers_to_code_is_named(folder, file, changes, keys):
    change(folder / file, **changes)
    found = find_foreign_code(folder)
    assert [(item.file, item.key) for item in found] == [(file, key) for key in keys]
    prefix = "" if file == "config.json" else file.removesuffix("json")
    assert [item.config_key for item in found] == [prefix + key for key in keys]


@pytest.mark.parametrize(
    "reference",
    [
        "somebody/model--modeling_xm_transformer.XMTransformerConfig",
        "/elsewhere--modeling_xm_transformer.XMTransformerConfig",
        # The same, as JSON may spell it.
        "somebody/model\\u002d\\u002dmodeling.XMTransformerConfig",
    ],
)
@pytest.mark.parametrize("key", ["auto_map", "auto\\u005fmap"])
def test_code_of_another_repository_is_not_ours(folder, reference, key):
    refer(folder, reference)
    file = folder / "config.json"
    file.write_text(file.read_text().replace("auto_map", key))
    assert not carries_own_code_only(folder)


@pytest.mark.parametrize(
    "file", ["tokenizer_config.json", "preprocessor_config.json", "processor_config.json"]
)
def test_any_configuration_can_refer_to_another_repository(folder, file):
    change(folder / file, auto_map={"AutoTokenizer": [None, "somebody/model--module.Class"]})
    assert not carries_own_code_only(folder)


def test_code_behind_a_linked_folder_is_not_ours(folder, foreign, tmp_path):
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / "generate.py").write_text(foreign)
    shutil.rmtree(folder / "custom_generate")
    (folder / "custom_generate").symlink_to(tmp_path / "aside")
    assert not carries_own_code_only(folder)


def test_an_adapter_on_a_model_elsewhere_is_not_ours(folder):
    """peft's `adapter_config.json` names the folder that transformers then loads instead."""
    values = {"base_model_name_or_path": "somebody/model", "peft_type": "LORA"}
    (folder / "adapter_config.json").write_text(json.dumps(values))
    assert not carries_own_code_only(folder)


# What a target does with it


@pytest.mark.parametrize("own", [MODELLING, PARTS, STACK])
def test_a_folder_whose_model_is_foreign_does_not_load_and_its_code_is_not_run(
    folder, foreign, marker, own
):
    file = folder / own.name
    file.write_text(foreign + file.read_text())
    with pytest.raises(DoesNotLoad, match=r"carries other code, which was not run") as caught:
        Seq2SeqTarget(folder)
    assert str(folder) in str(caught.value)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["more.py", "custom_generate/generate.py"])
def test_a_folder_loads_without_the_foreign_code_beside_its_own(folder, foreign, marker, name):
    before = sorted(folder.rglob("*"))
    (folder / name).write_text(foreign)
    target = Seq2SeqTarget(folder)
    assert [item.file for item in target.view.foreign] == [name]
    assert type(target.model).__module__.startswith("transformers_modules.")
    assert not marker.exists()
    assert sorted(folder.rglob("*")) == sorted({*before, folder / name})


@pytest.mark.parametrize("dashes", ["--", "\\u002d\\u002d"])
def test_a_folder_that_refers_to_another_repository_is_refused(
    folder, tmp_path, foreign, marker, dashes
):
    other = tmp_path / "other"
    other.mkdir()
    (other / MODELLING.name).write_text(foreign + MODELLING.read_text())
    refer(folder, f"{other}{dashes}modeling_xm_transformer.XMTransformerConfig")
    with pytest.raises(BadInput, match=r"carries other code, which was not run"):
        Seq2SeqTarget(folder)
    assert not marker.exists()


def test_a_folder_that_refers_to_a_file_anywhere_is_refused(folder, tmp_path, foreign, marker):
    (tmp_path / "anywhere.py").write_text(foreign + MODELLING.read_text())
    refer(folder, f"{tmp_path}/anywhere.XMTransformerConfig")
    with pytest.raises(BadInput, match=r"carries other code, which was not run"):
        Seq2SeqTarget(folder)
    assert not marker.exists()


def test_a_stock_folder_loads_without_the_foreign_search_beside_it(broken, foreign, marker, run):
    (broken / "custom_generate" / "generate.py").write_text(foreign)
    target = Seq2SeqTarget(broken)
    assert target.forward([run.source], [run.prefix]).logits.equal(run.target_result)
    assert not marker.exists()


# Where the toolkit is not


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory) -> Elsewhere:
    return make_elsewhere(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="module")
def searched(clip):
    """fairseq's own tokens for a clip, by the beam."""

    def search(prepared, tag):
        with open_reference(prepared) as reference:
            source = reference.front_end(torch.from_numpy(clip("ru_2").waveform))
            best = {
                beam: reference.search(source, with_beam(prepared.task.search, beam), tag)[0]
                for beam in (1, 5)
            }
        return {str(beam): [2, *found.tokens] for beam, found in best.items()}

    return search


ASK = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name) is not None]))
"""


def test_elsewhere_there_is_neither_toolkit_nor_fairseq(elsewhere):
    there = ["torch", "transformers", "soundfile"]
    absent = ["toolkit", "fairseq", "fairseq_cli", "hydra", "omegaconf", "pytest"]
    assert elsewhere.run("-c", ASK, *absent, *there) == there


@pytest.mark.wide
@pytest.mark.parametrize("name", ["v1", slow("even"), slow(None)])
def test_a_folder_decodes_where_the_toolkit_is_not(
    elsewhere, carrying, converted, prepared, searched, golden_checkpoint, name
):
    folder = converted if name is None else carrying(name).folder
    origin = prepared if name is None else carrying(name).prepared
    said = elsewhere.run(SCRIPT, folder, golden_checkpoint.parents[1] / "ru_2.flac")
    assert said["absent"] == ["toolkit", "fairseq"]
    assert Path(said["prefix"]) == elsewhere.python.parents[1]
    assert Path(said["home"]).is_relative_to(elsewhere.home)
    module = "transformers." if name is None else "transformers_modules."
    assert said["class"].startswith(module)
    assert said["searches"] == searched(origin, 183)
    assert said["pipeline"] == said["text"]
    assert said["text"] or name == "even"
