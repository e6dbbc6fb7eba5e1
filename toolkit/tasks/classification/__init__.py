"""Speech in, a label out: an encoder of waveforms that says of which class a clip is."""

from toolkit.tasks.base import TaskKind, Words, deferred
from toolkit.tasks.classification.breakable import BREAKABLE
from toolkit.tasks.classification.levels import LEVELS
from toolkit.tasks.speech.kinds import SILENCE
from toolkit.tasks.speech.usage import LAYERS

_USAGE = """from transformers import pipeline

{caller} = pipeline("audio-classification", model={name}{remote})
print({caller}("speech.wav")[0]["label"])"""
_NOTES = """## Classes

`model.config.id2label` names the classes, in the order of the rows of fairseq's dictionary. In a
batch, give the model the `attention_mask` of its feature extractor, as fairseq did in training: the
mean is taken over the frames of each clip alone."""

TASK = TaskKind(
    name="classification",
    levels=LEVELS,
    absent={
        "vocabulary": "the labels stand in `config.json`, and are a level of their own",
        "greedy": "a clip has one label, and nothing is said token by token",
        "beam": "a clip has one label, and nothing is searched",
    },
    words=Words(
        pipeline="audio-classification",
        tags=("audio-classification", "speech"),
        summary=(
            "A classifier of speech that was trained with fairseq, converted to Hugging Face "
            "`transformers`."
        ),
        units="classes",
        usage=_USAGE,
        caller="classify",
        notes=f"{_NOTES}\n\n{LAYERS}",
    ),
    beams=(1,),
    target=deferred(f"{__name__}.target", "ClassTarget"),
    record=deferred("toolkit.tasks.speech.run", "record_clip"),
    run=deferred(f"{__name__}.clip", "run_clip"),
    compare=deferred(f"{__name__}.outside", "compare_answer"),
    texts=deferred(SILENCE, "no_texts"),
    tokens=deferred(f"{__name__}.telling", "tell_classes"),
    deviations=deferred(f"{__name__}.telling", "tell_deviations"),
    cautions=deferred("toolkit.tasks.speech.unmasked", "tell_cautions"),
    write_tokenizer=deferred(SILENCE, "write_nothing"),
    expect_vocabulary=deferred(SILENCE, "no_vocabulary"),
    probe_texts=deferred(SILENCE, "no_texts"),
    breakable=BREAKABLE,
)
