"""verify and diff judge the folder that users get, and say the same of it."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.breaking import edit_json, edit_tensors, set_key
from toolkit.bundled import GENERATION
from toolkit.folder.foreign_code import carries_own_code_only
from toolkit.pipeline.difference import diff
from toolkit.pipeline.undoing import undo_keys
from toolkit.pipeline.verification import verify

SAFE = "model.safetensors"
CONV = "encoder.encoder.pos_conv_embed.conv."
GAIN = f"{CONV}parametrizations.weight.original0"
DIRECTION = f"{CONV}parametrizations.weight.original1"
EMBEDDING = "decoder.model.decoder.embed_tokens.weight"
HEAD = "decoder.lm_head.weight"
SEARCH = "custom_generate/generate.py"


def in_turn(*steps):
    return lambda folder: [step(folder) for step in steps]


def write(file, text):
    return lambda folder: (folder / file).write_text(text)


def tensors(edit):
    return lambda folder: edit_tensors(folder, edit)


def rename(*pairs):
    return tensors(lambda held: held.update({new: held.pop(old) for old, new in pairs}))


def times(name, factor):
    return tensors(lambda held: held.update({name: held[name] * factor}))


def pickle_weights(folder):
    torch.save(load_file(folder / SAFE), folder / "pytorch_model.bin")
    (folder / SAFE).unlink()


def leave_behind(folder):
    """What a trainer, an optimizer and an adapter leave beside a model."""
    for name in ("optimizer.safetensors", "adapter_model.safetensors", "model.fp16.safetensors"):
        save_file({"wrong": torch.zeros(2)}, folder / name)
    for name in ("training_args.bin", "optimizer.pt", "rng_state.pth"):
        (folder / name).write_bytes(b"\x80\x04cos\nsystem\n.")


def read_elsewhere(folder):
    """Other weights under a name that the configuration prefers."""
    held = load_file(folder / SAFE)
    save_file({**held, GAIN: held[GAIN] * 2}, folder / "x.safetensors")
    set_key("config.json", "transformers_weights", "x.safetensors")(folder)


def nest(**changes):
    def act(folder):
        features = json.loads((folder / "preprocessor_config.json").read_text())
        set_key("processor_config.json", "feature_extractor", {**features, **changes})(folder)

    return act


def forget_features(folder):
    (folder / "preprocessor_config.json").unlink()


def carriage_returns(folder):
    path = folder / SEARCH
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


OLD_NAMES = ((GAIN, f"{CONV}weight_g"), (DIRECTION, f"{CONV}weight_v"))

RIGHT = {
    "pickles": pickle_weights,
    "left behind": leave_behind,
    "tied under the other name": rename((EMBEDDING, HEAD)),
    "tied under both names": tensors(lambda held: held.update({HEAD: held[EMBEDDING].clone()})),
    "direction of another length": times(DIRECTION, 1.7),
    "old names of weight norm": rename(*OLD_NAMES),
    "old names and another length": in_turn(times(DIRECTION, 0.3), rename(*OLD_NAMES)),
    "weights under another name": in_turn(
        lambda folder: (folder / SAFE).rename(folder / "x.safetensors"),
        set_key("config.json", "transformers_weights", "x.safetensors"),
    ),
    "nested feature extractor alone": in_turn(nest(), forget_features),
}

WRONG = {
    "search exchanged": (write(SEARCH, "def generate(model, **kwargs): pass\n"), "foreign_code"),
    "search emptied": (write(SEARCH, ""), "foreign_code"),
    "search with other line ends": (carriage_returns, "foreign_code"),
    "library beside the search": (write("custom_generate/x.so", ""), "foreign_code"),
    "requirements of the search": (
        write("custom_generate/requirements.txt", "nothing"),
        "foreign_code",
    ),
    "module beside the model": (write("x.py", ""), "foreign_code"),
    "chat template": (write("chat_template.jinja", "{{ x }}"), "foreign_code"),
    "pipelines": (
        set_key("config.json", "custom_pipelines", {"x": {"impl": "x.Pipeline"}}),
        "foreign_code",
    ),
    "processor elsewhere": (
        set_key("processor_config.json", "auto_map", {"AutoProcessor": "a/b--x.Processor"}),
        "foreign_code",
    ),
    "model elsewhere": (
        set_key("config.json", "auto_map", {"AutoConfig": "a/b--x.Config"}),
        "foreign_code",
    ),
    "weights elsewhere": (read_elsewhere, "scaled"),
    "pickles of other weights": (in_turn(times(GAIN, 2.0), pickle_weights), "scaled"),
    "old names of another weight": (in_turn(times(GAIN, 2.0), rename(*OLD_NAMES)), "scaled"),
    "nested at another rate": (nest(sampling_rate=8000), "wrong_value"),
    "nested without normalization": (nest(do_normalize=False), "not_normalized"),
    "nested without a mask": (nest(return_attention_mask=False), "wrong_value"),
    "another feature extractor": (
        set_key("preprocessor_config.json", "feature_extractor_type", "WhisperFeatureExtractor"),
        "wrong_value",
    ),
    "half precision": (set_key("config.json", "dtype", "float16"), "wrong_dtype"),
    "no activation": (
        lambda folder: edit_json(folder, "config.json", "encoder.hidden_act", lambda _: "none"),
        "wrong_activation",
    ),
}

FAST = {"direction of another length", "search exchanged"}


def cases(table):
    slow = pytest.mark.slow
    return [pytest.param(name, marks=() if name in FAST else slow, id=name) for name in table]


@pytest.fixture
def judged(broken, golden_checkpoint):
    """Both results for the folder after it was changed."""

    def judge(change):
        change(broken)
        clips = [golden_checkpoint.parents[1] / "tiny.flac"]
        said = verify(golden_checkpoint, broken, audio=clips, beam=False)
        return said, diff(golden_checkpoint, broken, audio=clips)

    return judge


@pytest.mark.parametrize("name", cases(RIGHT))
def test_a_right_folder_matches_without_findings(name, judged):
    for result in judged(RIGHT[name]):
        assert result.findings == ()
        assert result.verdict == "match"


@pytest.mark.parametrize("name", cases(WRONG))
def test_a_wrong_folder_is_a_mismatch_of_one_cause(name, judged):
    change, hypothesis = WRONG[name]
    results = judged(change)
    assert [result.verdict for result in results] == ["mismatch", "mismatch"]
    for result in results:
        assert [finding.hypothesis.name for finding in result.findings] == [hypothesis]
        assert any(level.verdict == "fail" for level in result.levels)


def test_code_of_others_is_taken_away_where_it_is_undone(broken, prepared):
    (broken / SEARCH).write_text("")
    (broken / "more.py").write_text("")
    set_key("config.json", "auto_map", {"AutoConfig": "more.Config"})(broken)
    before = json.loads((broken / "config.json").read_text())
    undo_keys(prepared.task.contents, (), broken)
    assert carries_own_code_only(broken)
    assert (broken / SEARCH).read_bytes() == GENERATION.read_bytes()
    assert not (broken / "more.py").exists()
    assert json.loads((broken / "config.json").read_text()) == {
        key: value for key, value in before.items() if key != "auto_map"
    }
