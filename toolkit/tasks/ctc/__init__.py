"""Speech in, letters out: an encoder of waveforms that says a symbol, or nothing, in every frame.

Graves et al. 2006, connectionist temporal classification.
"""

from toolkit.tasks.base import TaskKind, deferred
from toolkit.tasks.ctc.levels import LEVELS

TASK = TaskKind(
    name="ctc",
    levels=LEVELS,
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
)
