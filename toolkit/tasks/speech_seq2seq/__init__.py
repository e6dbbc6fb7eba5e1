"""Speech in, tokens out: an encoder of waveforms and a decoder that is searched."""

from dataclasses import replace

from toolkit.oracle.search import BEAM
from toolkit.tasks.base import TaskKind, Words, deferred
from toolkit.tasks.speech.usage import RECOGNITION, SAYS
from toolkit.tasks.speech_seq2seq import breakable
from toolkit.tasks.speech_seq2seq.levels import LEVELS

SEARCH = """## Search

`custom_generate/generate.py` is fairseq's beam search for transformers' `generate`: the same
hypotheses in the same order with the same scores. Loading with `trust_remote_code=True` puts it in
place; without, transformers searches in its own way, which finds other n-best lists and scores (it
takes the probability of {forced} for 1, and goes on exchanging finished hypotheses).
`save_pretrained` does not copy that file."""
_FILTER_BANKS = """## Filter banks

`feature_extraction_filter_banks.py` makes fairseq's filter banks of a waveform, in torch alone, and
normalizes them as fairseq does: `AutoProcessor` and `pipeline` take it with
`trust_remote_code=True`. The stock `Speech2TextFeatureExtractor` computes them in another order, or
with torchaudio where that is installed: its normalized values are off by up to 0.007 on clips at 16
kHz and by 0.13 on one that was resampled from 8 kHz, and it makes no finite number of digital
silence.

"""
_LETTERS = """## Letters

The model says one letter after the other, and `|` behind every word. Its tokenizer makes the same
labels of a text, for training: `HELLO WORLD` is `H E L L O | W O R L D |` and an end.

"""

_UNITS = """## Units

It says no text, but units of speech, as fairseq prints them: numbers with spaces between, of which
a vocoder makes a waveform. The id of a unit is its number and four more.

"""

TASK = TaskKind(
    name="speech_seq2seq",
    levels=LEVELS,
    absent={"layers": "what the encoder's layers give is compared module by module"},
    words=Words(
        pipeline=RECOGNITION,
        tags=("speech-translation", "automatic-speech-recognition"),
        summary=(
            "A speech-to-text model that was trained with fairseq, converted to Hugging Face "
            "`transformers`."
        ),
        units="tokens",
        usage=SAYS,
        caller="translate",
        notes=SEARCH.format(forced="the language token"),
    ),
    beams=(1, BEAM),
    target=deferred(f"{__name__}.target", "Seq2SeqTarget"),
    record=deferred("toolkit.tasks.speech.run", "record_clip"),
    compare=deferred("toolkit.tasks.speech.outside", "compare_answer"),
    run=deferred(f"{__name__}.clip", "run_clip"),
    texts=deferred("toolkit.tasks.speech.telling", "known_texts"),
    tokens=deferred(f"{__name__}.telling", "tell_tokens"),
    deviations=deferred(f"{__name__}.telling", "tell_deviations"),
    cautions=deferred("toolkit.tasks.speech.unmasked", "tell_cautions"),
    write_tokenizer=deferred(f"{__name__}.tokenizer", "write_tokenizer"),
    expect_vocabulary=deferred(f"{__name__}.vocabulary", "expect_vocabulary"),
    probe_texts=deferred(f"{__name__}.vocabulary", "probe_texts"),
    breakable=breakable.BREAKABLE,
)

FILTERED = replace(
    TASK,
    words=replace(TASK.words, notes=_FILTER_BANKS + TASK.words.notes),
    breakable=breakable.FILTERED,
)
"""Of models that hear filter banks."""

UNITS = replace(
    FILTERED,
    words=replace(
        FILTERED.words,
        tags=("speech-translation", "speech-to-speech-translation"),
        summary=(
            "A model that translates speech into units of speech, trained with fairseq and "
            "converted to Hugging Face `transformers`."
        ),
        units="units",
        notes=_UNITS + FILTERED.words.notes,
    ),
    tokens=deferred(f"{__name__}.telling", "tell_units"),
)
"""Of models that hear filter banks and say units of speech."""

SPELLED = replace(
    TASK,
    words=replace(
        TASK.words,
        tags=("automatic-speech-recognition",),
        summary=(
            "A speech recognizer that writes letters, trained with fairseq and converted to "
            "Hugging Face `transformers`."
        ),
        units="letters",
        caller="transcribe",
        notes=_LETTERS + SEARCH.format(forced="an end that is forced"),
    ),
)
"""Of models that spell what they hear."""
