"""What a folder was handed on to is held against a recording: results alone, by the same judges."""

import json
import math
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from toolkit import BadInput, audit, convert, record
from toolkit.audio import golden_folder
from toolkit.core.measures import Level
from toolkit.oracle.search import Search
from toolkit.pipeline.end_to_end import kind_of
from toolkit.report.audited import describe_audit, render_audit

CLIPS = [golden_folder() / "tiny.flac", golden_folder() / "ru_2.flac"]
ONLY = "end to end only: what happens inside was not compared"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder that nobody proved, and a recording."""
    place = tmp_path_factory.mktemp("handed-on")
    checkpoint = golden_folder() / "ctc" / "model.pt"
    convert(checkpoint, place / "hf", verify=False)
    record(checkpoint, place / "recording", audio=CLIPS)
    return place / "hf", place / "recording"


@pytest.fixture(scope="module")
def loaded(made):
    from transformers import AutoModelForCTC, AutoProcessor

    model = AutoModelForCTC.from_pretrained(made[0]).eval()
    return model, AutoProcessor.from_pretrained(made[0])


class Through:
    """The folder through transformers; what is heard and what is said can be spoilt."""

    def __init__(self, loaded, *, heard=None, said=None, masked=None):
        (self.model, self.processor), self.heard, self.said = loaded, heard, said
        self.masked = masked

    @torch.no_grad()
    def ask(self, example):
        values = torch.from_numpy(example.input_values)
        mask = torch.from_numpy(example.attention_mask)
        output = self.model(
            self.heard(values, example) if self.heard else values,
            attention_mask=self.masked(mask) if self.masked else mask,
            output_hidden_states=True,
        )
        ids = output.logits[0].argmax(-1)
        merged = torch.unique_consecutive(ids)
        raw = {"raw": example.waveform, "sampling_rate": example.sampling_rate}
        answer = {
            "input_values": self.processor.feature_extractor(
                raw["raw"], sampling_rate=raw["sampling_rate"], return_tensors="np"
            )["input_values"],
            "logits": output.logits.numpy(),
            "tokens": merged[merged != 0].numpy(),
            "text": self.processor.decode(ids.tolist()),
            **{f"layers.{k}": h.numpy() for k, h in enumerate(output.hidden_states[1:], 1)},
        }
        return self.said(answer, example) if self.said else answer


def held(made, runner):
    return audit(made[0], recording=made[1], runner=runner)


def level(audited, name) -> Level:
    return {level.name: level for level in audited.against.levels}[name]


def test_a_runner_that_gives_what_fairseq_gives_holds_and_the_result_says_how_far_that_goes(
    made, loaded
):
    heard = []
    audited = audit(
        made[0],
        recording=made[1],
        runner=Through(loaded),
        progress=lambda *step: heard.append(step[0]),
    )
    against = audited.against
    assert audited.verdict == "unverified"  # of the folder, whose conversion nobody proved
    assert against.holds
    assert [level.name for level in against.levels] == ["front_end", "layers", "logits", "greedy"]
    assert {level.clips for level in against.levels} == {2}
    assert level(audited, "front_end").verdict == "deviation"  # as of the folder itself
    assert not any("float64" in m.name for level in against.levels for m in level.measures)
    assert audited.headline.endswith("and Through answers as was recorded")
    assert heard[-4:] == ["loading the runner", "comparing tiny", "comparing ru_2", "done"]
    told = describe_audit(audited, 80)
    for words in (" ".join(told.split()), render_audit(audited)):
        assert ONLY in words
        assert "weights, config, vocabulary, modules, padding, reload: only beside the" in words
    said = json.loads(json.dumps(audited.to_dict()))["against"]
    assert (said["runner"], said["limits"]) == ("Through", ONLY)
    assert {"name": "padding", "because": "only beside the checkpoint (`toolkit verify`)"} in said[
        "not_asked"
    ]


def test_a_runner_is_judged_by_what_it_gives_alone(made, loaded):
    against = held(made, Through(loaded, said=lambda a, _: {"text": a["text"]})).against
    (greedy,) = against.levels
    assert [measure.name for measure in greedy.measures] == ["clips with another text"]
    reasons = {reason.name: reason.because for reason in against.not_asked}
    assert reasons["logits"] == "the runner gives no `logits`"
    assert reasons["layers"] == "the runner gives no `layers.1`"
    assert set(reasons) == set(against.left_out)


def rounded(model, dtype):
    """The model with its weights rounded as an export rounds them."""
    import copy

    other = copy.deepcopy(model)
    for parameter in other.parameters():
        parameter.data = parameter.data.to(dtype).float()
    return other


def in_eight_bits(model):
    """The model with the weights of its linear layers in eight bits, each row by its largest."""
    import copy

    other = copy.deepcopy(model)
    for module in other.modules():
        if isinstance(module, torch.nn.Linear):
            scale = module.weight.data.abs().amax(1, keepdim=True) / 127
            module.weight.data = (module.weight.data / scale).round() * scale
    return other


@pytest.mark.parametrize(
    ("spoil", "least", "most"),
    [
        (lambda model: rounded(model, torch.float16), 1e-5, 1e-2),
        (lambda model: rounded(model, torch.bfloat16), 1e-4, 1e-1),
        (in_eight_bits, 1e-4, 1e-1),
    ],
)
def test_weights_that_were_rounded_are_a_mismatch_of_their_size(spoil, least, most, made, loaded):
    audited = held(made, Through((spoil(loaded[0]), loaded[1])))
    assert audited.verdict == "mismatch"
    assert audited.headline == "mismatch: Through does not answer as was recorded"
    (measure,) = level(audited, "logits").measures
    assert measure.verdict == level(audited, "layers").verdict == "fail"
    assert least < measure.error < most
    assert f"logits within {measure.error:.1e} of the largest on" in describe_audit(audited, 800)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"masked": lambda mask: mask * (torch.arange(mask.shape[1]) < mask.shape[1] // 2)},
        {"heard": lambda _, example: torch.from_numpy(example.waveform)[None]},
        {"heard": lambda values, _: values.flip(1)},
    ],
    ids=["a mask of half the clip", "no normalization", "sound backwards"],
)
def test_a_model_that_is_fed_otherwise_is_a_mismatch(spoilt, made, loaded):
    audited = held(made, Through(loaded, **spoilt))
    assert audited.verdict == "mismatch"
    assert level(audited, "logits").measures[0].error > 1e-2
    assert level(audited, "front_end").verdict == "deviation"  # that of `input_values` as given


def of(clip, change):
    """Spoils the answer to one clip."""
    return lambda answer, example: {**answer, **change(answer)} if example.clip == clip else answer


@pytest.mark.parametrize(
    ("change", "name", "told"),
    [
        (lambda a: {"logits": a["logits"][0]}, "logits", "`logits` of ru_2 must have the shape (1"),
        (lambda a: {"logits": a["logits"][:, :-1]}, "logits", "must have the shape (1, 53, 91)"),
        (lambda a: {"logits": a["logits"] * math.nan}, "logits", "`logits` of ru_2 holds NaN or"),
        (lambda a: {"logits": a["logits"] + math.inf}, "logits", "`logits` of ru_2 holds NaN or"),
        (lambda a: {"layers.2": a["layers.1"]}, "layers", "layers.2 of ru_2"),
        (lambda a: {"input_values": a["input_values"] * 2}, "front_end", "on ru_2"),
        (lambda a: {"input_values": a["input_values"][0]}, "front_end", "`input_values` of ru_2"),
        (lambda a: {"tokens": a["tokens"][:-1]}, "greedy", "1 of 2 clips with other tokens"),
        (lambda a: {"text": a["text"].lower()}, "greedy", "1 of 2 clips with another text"),
    ],
)
def test_one_wrong_answer_about_one_clip_fails_its_level_and_no_other(
    change, name, told, made, loaded
):
    audited = held(made, Through(loaded, said=of("ru_2", change)))
    assert audited.verdict == "mismatch"
    assert [level.name for level in audited.against.levels if level.verdict == "fail"] == [name]
    assert "ru_2" in level(audited, name).worst.where
    assert told in describe_audit(audited, 800)


@pytest.mark.parametrize("name", ["logits", "layers.2", "tokens", "text", "input_values"])
def test_what_is_given_of_one_clip_and_not_of_another_fails(name, made, loaded):
    def forget(answer, example):
        return {k: v for k, v in answer.items() if k != name or example.clip == "tiny"}

    audited = held(made, Through(loaded, said=forget))
    assert audited.verdict == "mismatch"
    assert audited.against.troubles == (f"`{name}` must be given of each clip, but not of ru_2",)


def test_a_clip_without_an_answer_is_a_mismatch_that_names_it(made, loaded):
    def refuse(answer, example):
        return answer if example.clip == "tiny" else answer["logits"].reshape(7, 7)

    audited = held(made, Through(loaded, said=refuse))
    assert audited.verdict == "mismatch"
    assert audited.against.levels == ()
    assert "of the clip `ru_2`" in describe_audit(audited, 800)
    assert "raises ValueError: cannot reshape" in audited.to_dict()["against"]["broken"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (lambda *_: None, "must answer as docs/handoff.md says, but returns nothing, and no"),
        (lambda a, _: {"logit": a["logits"]}, "must return any of input_values, layers.1, "),
        (lambda a, _: {"layers.9": a["logits"]}, "but returns `layers.9`. Rename it"),
        (lambda *_: {"hypotheses": [([1], 0.0)]}, "but returns `hypotheses`. Rename it"),
        (lambda a, _: {"input_values": a["input_values"]}, "nothing that the model makes"),
        (lambda *_: {"logits": np.zeros((1, 4, 91), dtype=int)}, "with the dtype int64"),
    ],
)
def test_what_is_no_answer_is_refused(said, told, made, loaded):
    with pytest.raises(BadInput) as caught:
        held(made, Through(loaded, said=said))
    assert told in str(caught.value)


def test_a_runner_without_a_recording_and_an_object_without_a_method_are_refused(made):
    with pytest.raises(BadInput, match="`--runner` must be held against a recording, but none"):
        audit(made[0], runner="mine.py:Mine")
    with pytest.raises(BadInput, match="`runner` must have a method `ask`, but is a int"):
        audit(made[0], recording=made[1], runner=7)


def test_a_runner_that_comes_with_the_recording_is_not_run(made, tmp_path):
    recording = Path(shutil.copytree(made[1], tmp_path / "recording"))
    (recording / "mine.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(BadInput, match="must be a file of your own"):
        audit(made[0], recording=recording, runner=f"{recording / 'mine.py'}:Mine")


def test_a_runner_of_a_file_is_asked_in_another_process(made, tmp_path):
    (tmp_path / "mine.py").write_text(
        "class Mine:\n  def __init__(self, folder): pass\n"
        "  def ask(self, example): return {'text': example.clip}\n"
    )
    audited = held(made, f"{tmp_path / 'mine.py'}:Mine")
    assert audited.verdict == "mismatch"
    assert level(audited, "greedy").worst.error == 2


def test_a_folder_that_changed_is_handed_on_to_nobody(made, tmp_path):
    folder = Path(shutil.copytree(made[0], tmp_path / "hf"))
    (folder / "mine.py").write_text("raise SystemExit('it ran')")
    audited = audit(folder, recording=made[1], runner=f"{folder / 'mine.py'}:Mine")
    assert (audited.verdict, audited.against) == ("mismatch", None)


class Target:
    """A folder of any task, asked through the toolkit's own way to run it."""

    def __init__(self, folder, spoil):
        self.target: Any = kind_of(audit(folder).verification).target(folder)
        self.spoil = spoil

    def ask(self, example):
        source, tag = torch.from_numpy(example.input_values[0]), example.language_id
        prefix = () if tag is None else (tag,)
        if example.decoder_input_ids is not None:
            prefix = tuple(example.decoder_input_ids[0].tolist())
        outputs = self.target.forward([source], [prefix], only=()).outputs
        first = next(iter(outputs))
        shown = {n: t for n, t in outputs.items() if n in (first, "encoder_out") or "layers." in n}
        answer = {name: tensor.numpy() for name, tensor in shown.items()}
        return self.spoil({**answer, **dict(self.words(source, tag, example, outputs))})

    def words(self, source, tag, example, outputs):
        if not hasattr(self.target, "search"):
            if "logits" in outputs:
                yield "text", self.target.text([int(outputs["logits"].argmax())])
            return
        longest = (example.max_new_tokens or 201) - 1
        search = Search(beam=1, max_len_b=longest, capped=True)
        said = self.target.search(source, search, tag)[0].tokens
        yield "tokens", said
        yield "text", self.target.text(said, tag if example.num_beams is None else None)
        if example.num_beams:
            found = self.target.search(source, replace(search, beam=example.num_beams), tag)
            yield "hypotheses", [(each.tokens, each.score) for each in found]


@pytest.mark.wide
@pytest.mark.parametrize(
    ("name", "spoilt"),
    [
        ("checkpoint", {"logits": "logits", "encoder_out": "logits", "hypotheses": "beam"}),
        ("untrained/wav2vec2_seq2seq", {"logits": "logits", "tokens": "greedy"}),
        ("pretraining", {"features": "outputs", "layers.1": "layers"}),
        ("untrained/wav2vec2_classification", {"logits": "logits", "text": "label"}),
        ("untrained/wav2vec2_ctc_languages", {"logits": "logits", "tokens": "greedy"}),
    ],
)
def test_runners_of_every_task_are_judged_by_all_that_they_give(name, spoilt, tmp_path):
    checkpoint = golden_folder() / name / "model.pt"
    convert(checkpoint, tmp_path / "hf", verify=False)
    record(checkpoint, tmp_path / "recording", audio=CLIPS[:1])
    made = tmp_path / "hf", tmp_path / "recording"
    right = held(made, Target(made[0], lambda answer: answer))
    assert right.against.holds
    assert set(spoilt.values()) <= {level.name for level in right.against.levels}
    for output, wrong in spoilt.items():
        audited = held(made, Target(made[0], partial(spoil, output)))
        assert level(audited, wrong).verdict == "fail"


def spoil(name, answer):
    """The answer with one output changed a little."""
    value = answer[name]
    if name == "text":
        changed = f"{value}x"
    elif name == "tokens":
        changed = (*value, 7)
    elif name == "hypotheses":
        changed = [(tokens, score + 1e-3) for tokens, score in value]
    else:
        changed = value * (1 + 1e-4)
    return {**answer, name: changed}
