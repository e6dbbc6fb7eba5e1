"""Speech in, tokens out: an encoder of waveforms and a decoder that is searched."""

from toolkit.tasks.base import TaskKind
from toolkit.tasks.speech_seq2seq.clip import record_clip, run_clip
from toolkit.tasks.speech_seq2seq.levels import LEVELS
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget
from toolkit.tasks.speech_seq2seq.telling import known_texts, tell_deviations, tell_tokens

TASK = TaskKind(
    name="speech_seq2seq",
    levels=LEVELS,
    target=Seq2SeqTarget,
    record=record_clip,
    run=run_clip,
    texts=known_texts,
    tokens=tell_tokens,
    deviations=tell_deviations,
)
