"""Speech in, letters out: an encoder of waveforms that says a symbol, or nothing, in every frame.

Graves et al. 2006, connectionist temporal classification.
"""

from dataclasses import replace
from functools import partial

from toolkit.tasks.base import Likelihood, TaskKind, Words, deferred
from toolkit.tasks.ctc.breakable import BREAKABLE
from toolkit.tasks.ctc.levels import LEVELS
from toolkit.tasks.speech.usage import LAYERS, RECOGNITION, SAYS

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
        notes=f"{_BATCHES}\n\n{LAYERS}",
    ),
    beams=(1,),
    target=deferred(f"{__name__}.target", "CtcTarget"),
    record=deferred("toolkit.tasks.speech.run", "record_clip"),
    compare=deferred("toolkit.tasks.speech.outside", "compare_answer"),
    run=deferred(f"{__name__}.clip", "run_clip"),
    texts=deferred("toolkit.tasks.speech.telling", "known_texts"),
    tokens=deferred("toolkit.tasks.speech.telling", "tell_tokens"),
    deviations=deferred(f"{__name__}.telling", "tell_deviations"),
    cautions=deferred("toolkit.tasks.speech.unmasked", "tell_cautions"),
    write_tokenizer=deferred(f"{__name__}.letters", "write_letters"),
    expect_vocabulary=deferred(f"{__name__}.vocabulary", "expect_letters"),
    probe_texts=deferred(f"{__name__}.vocabulary", "probe_texts"),
    breakable=BREAKABLE,
    likelihood=Likelihood(
        ask=deferred(f"{__name__}.likelihood", "ask"),
        chance=deferred(f"{__name__}.likelihood", "chance"),
        unit="symbol",
        clips="transcribed clips",
    ),
)


_LANGUAGES = """## Languages

Each language has weights in `adapter.<language>.safetensors`, and a section of `vocab.json`.
The folder speaks `FIRST` before it is told another, which is done so:

```python
from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

model = Wav2Vec2ForCTC.from_pretrained({name}, target_lang="OTHER", ignore_mismatched_sizes=True)
processor = Wav2Vec2Processor.from_pretrained({name})
processor.tokenizer.set_target_lang("OTHER")
model.load_adapter("OTHER")  # what a model does that already speaks
```

"""
"""`{name}` stands for the model's; languages are filled in."""


def task_of_languages(languages: tuple[str, ...], first: str) -> TaskKind:
    """The task of a model with weights and letters for each language.

    Args:
        languages: In the order of their numbers, which are the tags of clips.
        first: The one that a folder speaks before it is told another.
    """
    other = next((name for name in languages if name != first), first)
    notes = _LANGUAGES.replace("FIRST", first).replace("OTHER", other) + TASK.words.notes
    target = deferred(f"{__name__}.multilingual", "MultilingualTarget")
    return replace(
        TASK,
        words=replace(TASK.words, notes=notes),
        target=partial(target, languages=languages, first=first),
        expect_vocabulary=deferred(f"{__name__}.sections", "expect_sections"),
    )
