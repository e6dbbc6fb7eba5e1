"""Speech in, features out: an encoder of waveforms as it was pretrained."""

from dataclasses import replace

from toolkit.tasks.base import Likelihood, TaskKind, Words, deferred
from toolkit.tasks.features.breakable import BREAKABLE
from toolkit.tasks.features.levels import LEVELS
from toolkit.tasks.speech.kinds import SILENCE
from toolkit.tasks.speech.usage import LAYERS

_USAGE = """from transformers import AutoFeatureExtractor, AutoModel

prepare = AutoFeatureExtractor.from_pretrained({name})
model = AutoModel.from_pretrained({name}{remote}).eval()
rate = prepare.sampling_rate
inputs = prepare(waveform, sampling_rate=rate, return_tensors="pt")
outputs = model(**inputs, output_hidden_states=True)
features, layers = outputs.last_hidden_state, outputs.hidden_states"""
_HEADS = """ A `final_proj`,
where the model has one, is for whoever wants a layer's features projected:
`model.final_proj(hidden_states[9])`. In a batch, give the model the `attention_mask` of its
feature extractor, as fairseq's dataset gives its own where clips are padded; without it, what pads
a clip changes its features."""
_WORDLESS = "the model has no words"

TASK = TaskKind(
    name="features",
    levels=LEVELS,
    absent={
        "vocabulary": _WORDLESS,
        "logits": "no symbol is said of a frame; the features of every frame are compared",
        "greedy": _WORDLESS,
        "beam": _WORDLESS,
    },
    words=Words(
        pipeline="feature-extraction",
        tags=("feature-extraction", "speech"),
        summary=(
            "A speech encoder that was pretrained with fairseq, converted to Hugging Face "
            "`transformers`."
        ),
        units="features",
        usage=_USAGE,
        notes=LAYERS + _HEADS,
    ),
    beams=(),
    target=deferred(f"{__name__}.target", "FeatureTarget"),
    record=deferred(f"{__name__}.clip", "record_clip"),
    compare=deferred("toolkit.tasks.speech.outside", "compare_answer"),
    run=deferred(f"{__name__}.clip", "run_clip"),
    texts=deferred(SILENCE, "no_texts"),
    tokens=deferred(SILENCE, "no_tokens"),
    deviations=deferred(f"{__name__}.telling", "tell_deviations"),
    cautions=deferred("toolkit.tasks.speech.unmasked", "tell_cautions"),
    write_tokenizer=deferred(SILENCE, "write_nothing"),
    expect_vocabulary=deferred(SILENCE, "no_vocabulary"),
    probe_texts=deferred(SILENCE, "no_texts"),
    breakable=BREAKABLE,
)
"""Encoders by themselves, or with a projection of their features."""

PRETRAINED = replace(
    TASK,
    target=deferred(f"{__name__}.target", "PretrainedTarget"),
    likelihood=Likelihood(
        ask=deferred(f"{__name__}.likelihood", "ask"),
        chance=deferred(f"{__name__}.likelihood", "chance"),
        unit="masked frame",
        clips="clips",
    ),
)
"""Encoders with the codes that they were pretrained on, and the heads that compare them."""
