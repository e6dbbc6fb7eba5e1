"""Speech in, letters out: an encoder of waveforms that says a symbol, or nothing, in every frame.

Graves et al. 2006, connectionist temporal classification.
"""

from toolkit.tasks.base import TaskKind, Words, deferred
from toolkit.tasks.ctc.breakable import BREAKABLE
from toolkit.tasks.ctc.levels import LEVELS
from toolkit.tasks.speech.usage import RECOGNITION, SAYS

_BATCHES = """## Letters

Every frame has a letter or the blank, `<pad>`, which is fairseq's `<s>`. Decode the best one of
each frame with `processor.decode(ids)`, which merges repetitions; `skip_special_tokens=True`
would lose doubled letters. In a batch, give the model the `attention_mask` of its feature
extractor, as fairseq did in training, and decode the frames of each clip alone."""

TASK = TaskKind(
    name="ctc",
    levels=LEVELS,
    absent={"beam": "every frame has its best letter, and nothing is searched"},
    words=Words(
        pipeline=RECOGNITION,
        tags=("automatic-speech-recognition", "ctc"),
        summary=(
            "A speech recognizer with a CTC head that was trained with fairseq, converted to "
            "Hugging Face `transformers`."
        ),
        units="letters",
        usage=SAYS,
        caller="transcribe",
        notes=_BATCHES,
    ),
    beams=(1,),
    target=deferred(f"{__name__}.target", "CtcTarget"),
    record=deferred("toolkit.tasks.speech.run", "record_clip"),
    run=deferred(f"{__name__}.clip", "run_clip"),
    texts=deferred("toolkit.tasks.speech.telling", "known_texts"),
    tokens=deferred("toolkit.tasks.speech.telling", "tell_tokens"),
    deviations=deferred(f"{__name__}.telling", "tell_deviations"),
    write_tokenizer=deferred(f"{__name__}.letters", "write_letters"),
    expect_vocabulary=deferred(f"{__name__}.vocabulary", "expect_letters"),
    probe_texts=deferred(f"{__name__}.vocabulary", "probe_texts"),
    breakable=BREAKABLE,
)
