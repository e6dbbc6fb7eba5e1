"""Speech in, tokens out: an encoder of waveforms and a decoder that is searched."""

from toolkit.oracle.search import BEAM
from toolkit.tasks.base import TaskKind, deferred
from toolkit.tasks.speech_seq2seq.levels import LEVELS

TASK = TaskKind(
    name="speech_seq2seq",
    levels=LEVELS,
    beams=(1, BEAM),
    target=deferred(f"{__name__}.target", "Seq2SeqTarget"),
    record=deferred("toolkit.tasks.speech.run", "record_clip"),
    run=deferred(f"{__name__}.clip", "run_clip"),
    texts=deferred("toolkit.tasks.speech.telling", "known_texts"),
    tokens=deferred(f"{__name__}.telling", "tell_tokens"),
    deviations=deferred(f"{__name__}.telling", "tell_deviations"),
    write_tokenizer=deferred("toolkit.folder.tokenizer", "write_tokenizer"),
    expect_vocabulary=deferred("toolkit.compare.vocabulary", "expect_vocabulary"),
    probe_texts=deferred("toolkit.compare.vocabulary", "probe_texts"),
)
