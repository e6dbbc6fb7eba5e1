"""A text in, another out: an encoder that reads and a decoder that is searched."""

from toolkit.examples import TEXT
from toolkit.oracle.search import BEAM
from toolkit.tasks.base import TaskKind, Words, deferred
from toolkit.tasks.speech_seq2seq import SEARCH
from toolkit.tasks.text_seq2seq.breakable import BREAKABLE
from toolkit.tasks.text_seq2seq.levels import LEVELS

_USAGE = """from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({name}{remote})
model = AutoModelForSeq2SeqLM.from_pretrained({name})
written = model.generate(**tokenizer("A sentence.", return_tensors="pt"))
print(tokenizer.batch_decode(written, skip_special_tokens=True))"""
_NOTES = """## Languages

The tokenizer frames a text as fairseq frames one that is read: with the end of the sentence, and
the tag of its own language where the model has those. Where a tag is forced to come first
(`forced_bos_token_id`), another one writes another language. Labels for training need the tag of
the language that is written in the place of the one that is read.

## Batches

Shorter texts are padded on the right. fairseq pads sources on the left and counts positions from
the first token on; this model counts them from the row's start.

"""

TASK = TaskKind(
    name="text_seq2seq",
    levels=LEVELS,
    absent={"layers": "what the encoder's layers give is compared module by module"},
    words=Words(
        pipeline="translation",
        tags=("translation",),
        summary=(
            "A model that was trained with fairseq to read a text and write another, converted to "
            "Hugging Face `transformers`."
        ),
        units="tokens",
        usage=_USAGE,
        caller="translate",
        notes=_NOTES + SEARCH.format(forced="the language token and of an end that is forced"),
    ),
    beams=(1, BEAM),
    target=deferred(f"{__name__}.target", "TextTarget"),
    record=deferred("toolkit.tasks.speech.run", "record_clip"),
    compare=deferred("toolkit.tasks.speech.outside", "compare_answer"),
    run=deferred("toolkit.tasks.speech_seq2seq.clip", "run_clip"),
    texts=deferred(f"{__name__}.telling", "known_texts"),
    tokens=deferred("toolkit.tasks.speech_seq2seq.telling", "tell_tokens"),
    deviations=deferred("toolkit.tasks.speech_seq2seq.telling", "tell_deviations"),
    cautions=deferred(f"{__name__}.telling", "tell_cautions"),
    write_tokenizer=deferred("toolkit.tasks.speech_seq2seq.tokenizer", "write_tokenizer"),
    expect_vocabulary=deferred("toolkit.tasks.speech_seq2seq.vocabulary", "expect_vocabulary"),
    probe_texts=deferred("toolkit.tasks.speech_seq2seq.vocabulary", "probe_texts"),
    breakable=BREAKABLE,
    medium=TEXT,
)
"""Of models that translate, summarize or correct a text."""
