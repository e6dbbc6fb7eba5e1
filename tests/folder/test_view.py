import json
import shutil

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from toolkit.bundled import FILTER_BANKS, MODELLING
from toolkit.core.errors import BadInput
from toolkit.folder.view import ABSENT, class_aliases, needs_trust, view_folder

JSON_FILES = ("config.json", "generation_config.json", "preprocessor_config.json")


@pytest.fixture(scope="module")
def whole(converted):
    return view_folder(converted)


def test_a_right_folder_has_no_problem(whole, converted):
    assert whole.problems == ()
    assert whole.path == converted
    tensors = load_file(converted / "model.safetensors")
    assert set(whole.tensors) == set(tensors)
    assert len(whole.tensors) == len(tensors)
    assert all(whole.tensors[name].equal(tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder.hidden_act", "gelu"),
        ("decoder.scale_embedding", True),
        ("tie_word_embeddings", False),
        ("generation_config.max_length", 202),
        ("preprocessor_config.sampling_rate", 16000),
        ("encoder.nothing", ABSENT),
        ("nothing", ABSENT),
        ("nothing.nothing", ABSENT),
        ("generation_config.nothing", ABSENT),
    ],
)
def test_a_value_is_found_under_its_file_and_side(key, value, whole):
    assert whole.value(key) == value


@pytest.mark.parametrize(
    ("file", "path", "key", "default"),
    [
        ("config.json", ("encoder", "hidden_act"), "encoder.hidden_act", "gelu"),
        ("config.json", ("encoder", "hidden_size"), "encoder.hidden_size", 768),
        ("config.json", ("decoder", "scale_embedding"), "decoder.scale_embedding", False),
        ("preprocessor_config.json", ("feature_size",), "preprocessor_config.feature_size", 1),
        ("generation_config.json", ("max_length",), "generation_config.max_length", None),
    ],
)
def test_a_key_that_a_file_leaves_out_has_its_classes_default(file, path, key, default, broken):
    content = json.loads((broken / file).read_text())
    inner = content
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    (broken / file).write_text(json.dumps(content))
    view = view_folder(broken)
    assert view.value(key) == default
    assert view.problems == ()


def test_every_place_has_its_values_beside_the_defaults_of_its_class(broken):
    path = broken / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "temperature": 0.5}))
    groups = {name: (values, defaults) for name, values, defaults in view_folder(broken).groups()}
    assert list(groups) == ["", "encoder", "decoder", "generation_config", "preprocessor_config"]
    values, defaults = groups["generation_config"]
    assert (values["temperature"], defaults["temperature"]) == (0.5, None)
    values, defaults = groups[""]
    assert values["is_encoder_decoder"] is defaults["is_encoder_decoder"] is True
    assert "encoder" not in values


@pytest.mark.parametrize(
    ("model_type", "alias", "key"),
    [("mbart", "hidden_size", "d_model"), ("trocr", "num_hidden_layers", "decoder_layers")],
)
def test_a_class_takes_some_keys_under_other_names(model_type, alias, key):
    assert class_aliases({"model_type": model_type})[alias] == key


ALIASED = [
    ({"hidden_size": 48}, 48, {}),
    ({"d_model": 24, "hidden_size": 48}, 48, {"decoder.d_model": 24}),
    ({"hidden_size": 24, "d_model": 48}, 24, {"decoder.d_model": 48}),
    ({"hidden_size": 48, "d_model": 48}, 48, {}),
    ({"d_model": 48}, 48, {}),
]


@pytest.mark.parametrize(("said", "taken", "overruled"), ALIASED)
def test_a_key_of_two_names_is_taken_as_transformers_takes_it(said, taken, overruled, broken):
    path = broken / "config.json"
    content = json.loads(path.read_text())
    others = {key: item for key, item in content["decoder"].items() if key != "d_model"}
    path.write_text(json.dumps({**content, "decoder": {**others, **said}}))
    view = view_folder(broken)
    assert (view.value("decoder.d_model"), view.overruled) == (taken, overruled)
    loaded = transformers.AutoConfig.from_pretrained(broken)
    assert loaded.decoder.d_model == taken


def test_a_key_of_two_names_is_taken_so_in_a_configuration_without_parts(broken):
    (broken / "config.json").write_text(
        json.dumps({"model_type": "trocr", "num_hidden_layers": 3, "decoder_layers": 5})
    )
    view = view_folder(broken)
    assert (view.value("decoder_layers"), view.overruled) == (3, {"decoder_layers": 5})
    assert transformers.AutoConfig.from_pretrained(broken).decoder_layers == 3


def test_an_unknown_kind_of_model_takes_none_under_another_name():
    assert class_aliases({"model_type": "nothing"}) == {}


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json"])
def test_a_missing_file_is_a_problem_and_the_rest_is_read(file, broken):
    (broken / file).unlink()
    view = view_folder(broken)
    assert any(problem.startswith(f"{file}: ") for problem in view.problems)
    assert len(view.tensors) > 100


@pytest.mark.parametrize("file", JSON_FILES)
@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b"3", b"\xff\xfe"])
def test_a_broken_file_is_a_problem_and_the_rest_is_read(file, garbage, broken):
    (broken / file).write_bytes(garbage)
    view = view_folder(broken)
    assert any(problem.startswith(f"{file}: ") for problem in view.problems)
    assert len(view.tensors) > 100


@pytest.mark.parametrize("side", ["encoder", "decoder"])
@pytest.mark.parametrize("value", [None, [], "gelu", 3])
def test_a_side_that_is_no_object_has_no_values(side, value, broken):
    path = broken / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), side: value}))
    view = view_folder(broken)
    assert view.value(f"{side}.hidden_act") == ABSENT
    assert (side, {}, {}) in list(view.groups())


def test_an_unknown_kind_of_model_has_no_defaults(broken):
    path = broken / "config.json"
    config = json.loads(path.read_text())
    config["encoder"] = {"model_type": "nothing", "hidden_act": "relu"}
    path.write_text(json.dumps(config))
    view = view_folder(broken)
    assert view.value("encoder.hidden_act") == "relu"
    assert view.value("encoder.hidden_size") == ABSENT


@pytest.mark.parametrize(
    ("side", "key", "default"),
    [
        ("encoder", "adapter_padding", "masked"),
        ("encoder", "pos_conv_depth", 1),
        ("decoder", "position_embeddings", "learned"),
        ("decoder", "final_layer_norm", True),
    ],
)
def test_a_carried_class_gives_its_defaults_without_its_folder(side, key, default, broken):
    path = broken / "config.json"
    config = json.loads(path.read_text())
    config[side]["model_type"] = f"xm_transformer_{side}"
    path.write_text(json.dumps(config))
    view = view_folder(broken)
    assert view.value(f"{side}.{key}") == default
    (defaults,) = [defaults for name, _, defaults in view.groups() if name == side]
    assert defaults[key] == default


def test_a_tokenizer_with_foreign_code_is_read_without_it_and_the_code_not_run(broken, tmp_path):
    marker = tmp_path / "was-here"
    (broken / "foreign.py").write_text(
        "from transformers import PreTrainedTokenizerFast\n"
        f"open({str(marker)!r}, 'w').close()\n"
        "class Foreign(PreTrainedTokenizerFast): pass\n"
    )
    path = broken / "tokenizer_config.json"
    named = {"auto_map": {"AutoTokenizer": [None, "foreign.Foreign"]}}
    named["tokenizer_class"] = "Foreign"
    path.write_text(json.dumps({**json.loads(path.read_text()), **named}))
    view = view_folder(broken)
    assert [item.config_key for item in view.foreign] == [
        "foreign.py",
        "tokenizer_config.auto_map",
    ]
    assert view.tokenizer is not None
    assert not marker.exists()


def test_a_folder_without_a_tokenizer_says_so(broken):
    for file in ("tokenizer.json", "tokenizer_config.json", "processor_config.json"):
        (broken / file).unlink()
    view = view_folder(broken)
    assert view.tokenizer is None
    assert any(problem.startswith("tokenizer: ") for problem in view.problems)


def test_sharded_weights_are_read_as_one(broken, whole):
    tensors = load_file(broken / "model.safetensors")
    names = sorted(tensors)
    (broken / "model.safetensors").unlink()
    shards = {"model-00001-of-00002": names[:50], "model-00002-of-00002": names[50:]}
    for shard, some in shards.items():
        save_file({name: tensors[name] for name in some}, broken / f"{shard}.safetensors")
    index = {name: f"{shard}.safetensors" for shard, some in shards.items() for name in some}
    (broken / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    view = view_folder(broken)
    assert set(view.tensors) == set(whole.tensors)
    assert all(view.tensors[name].equal(tensor) for name, tensor in tensors.items())


def test_a_tensor_is_read_in_its_own_dtype(broken):
    save_file({"a": torch.ones(2, dtype=torch.float16)}, broken / "model.safetensors")
    assert view_folder(broken).tensors["a"].dtype is torch.float16


def test_a_tensor_that_is_not_there_is_a_key_error(whole):
    assert "nothing" not in whole.tensors
    with pytest.raises(KeyError):
        whole.tensors["nothing"]


def test_a_folder_without_weights_is_bad_input(broken):
    (broken / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="must hold its weights as `model.safetensors`"):
        view_folder(broken)


@pytest.mark.parametrize("garbage", [b"", b"nonsense", b"{}" * 50])
def test_garbage_in_place_of_weights_is_bad_input(garbage, broken):
    (broken / "model.safetensors").write_bytes(garbage)
    with pytest.raises(BadInput, match="must be a safetensors file"):
        view_folder(broken)


def test_truncated_weights_are_bad_input(broken):
    whole = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="must be a safetensors file"):
        view_folder(broken)


def test_what_is_no_folder_is_bad_input(broken):
    for path in (broken / "config.json", broken / "nowhere"):
        with pytest.raises(BadInput, match="but is no folder"):
            view_folder(path)


def test_viewing_leaves_the_folder_as_it_is(broken):
    def contents():
        return {file: file.read_bytes() for file in broken.rglob("*") if file.is_file()}

    before = contents()
    view = view_folder(broken)
    dict(view.tensors)
    list(view.groups())
    assert contents() == before
    shutil.rmtree(broken)


# Whether it is loaded with trust

OWN_EXTRACTOR = {
    "auto_map": {"AutoFeatureExtractor": f"{FILTER_BANKS.stem}.FairseqFilterBankExtractor"}
}

OWN_MODEL = {"auto_map": {"AutoConfig": f"{MODELLING.stem}.XMTransformerConfig"}}


@pytest.mark.parametrize(
    ("file", "values", "needs"),
    [
        ("preprocessor_config.json", OWN_EXTRACTOR, True),
        ("processor_config.json", {"feature_extractor": OWN_EXTRACTOR}, True),
        (
            "config.json",
            {"auto_map": {"AutoConfig": f"{MODELLING.stem}.XMTransformerConfig"}},
            True,
        ),
        ("preprocessor_config.json", {"do_normalize": True}, False),
        ("preprocessor_config.json", {"auto_map": {"AutoFeatureExtractor": "theirs.Own"}}, False),
        ("processor_config.json", {"feature_extractor": "none"}, False),
    ],
)
def test_a_folder_needs_trust_for_our_model_or_our_feature_extractor(file, values, needs, tmp_path):
    (tmp_path / file).write_text(json.dumps(values))
    assert needs_trust(tmp_path) is needs
