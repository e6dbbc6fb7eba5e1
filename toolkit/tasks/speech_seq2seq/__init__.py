"""Speech in, tokens out: an encoder of waveforms and a decoder that is searched."""

from toolkit.tasks.base import TaskKind, deferred
from toolkit.tasks.speech_seq2seq.levels import LEVELS

TASK = TaskKind(
    name="speech_seq2seq",
    levels=LEVELS,
    target=deferred(f"{__name__}.target", "Seq2SeqTarget"),
    record=deferred(f"{__name__}.clip", "record_clip"),
    run=deferred(f"{__name__}.clip", "run_clip"),
    texts=deferred(f"{__name__}.telling", "known_texts"),
    tokens=deferred(f"{__name__}.telling", "tell_tokens"),
    deviations=deferred(f"{__name__}.telling", "tell_deviations"),
)
