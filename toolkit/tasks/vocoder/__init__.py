"""Units of speech in, a waveform out: a vocoder."""

from toolkit.examples.medium import UNITS
from toolkit.tasks.base import TaskKind, Words, deferred
from toolkit.tasks.speech.kinds import SILENCE
from toolkit.tasks.vocoder.breakable import BREAKABLE
from toolkit.tasks.vocoder.levels import LEVELS

_USAGE = """import torch
from transformers import SeamlessM4TCodeHifiGan

vocoder = SeamlessM4TCodeHifiGan.from_pretrained({name}).eval()
units, first = torch.tensor([[17, 4, 91]]), torch.tensor([[0]])
with torch.no_grad():
    waveform, samples = vocoder(units, spkr_id=first, lang_id=first)"""
_NOTES = """## The class

Name `SeamlessM4TCodeHifiGan` as above: `AutoModel` takes such a folder for a whole SeamlessM4T.
Units are numbers as fairseq prints them, one sequence at a time. The waveform has
`model.config.sampling_rate` samples a second. `spkr_id` is the number of a voice where there are
several, `lang_id` is always 0, and every unit lasts as long as the model predicts, as with
fairseq's `dur_prediction=True`. Weight norms are taken off, as fairseq takes them off when it loads
a vocoder."""
_WORDLESS = "the model has no words"
ABSENT = {
    "vocabulary": _WORDLESS,
    "layers": "what the layers give is compared module by module",
    "logits": "no symbol is said; the waveform is compared sample by sample",
    "greedy": _WORDLESS,
    "beam": _WORDLESS,
}
"""Levels that no vocoder has, each with the reason."""


def opened_by(name: str) -> str:
    """How fairseq opens a vocoder, by a class of its own; see `Words.opens`."""
    return f"""import json
from pathlib import Path

from fairseq.models.text_to_speech.vocoder import {name}

vocoder = {name}({{out}}, json.loads(Path({{config}}).read_text()))
"""


TASK = TaskKind(
    name="vocoder",
    levels=LEVELS,
    absent={
        **ABSENT,
        "front_end": "units are what the model is given on both sides",
        "padding": "fairseq's vocoder takes one sequence at a time",
    },
    words=Words(
        pipeline="text-to-speech",
        tags=("vocoder", "speech"),
        summary=(
            "A vocoder that makes speech of units, trained with fairseq and converted to Hugging "
            "Face `transformers`."
        ),
        units="samples",
        takes="units of speech",
        opens=opened_by("CodeHiFiGANVocoder"),
        usage=_USAGE,
        notes=_NOTES,
    ),
    beams=(),
    target=deferred(f"{__name__}.target", "VocoderTarget"),
    record=deferred("toolkit.tasks.features.clip", "record_clip"),
    compare=deferred("toolkit.tasks.speech.outside", "compare_answer"),
    run=deferred(f"{__name__}.clip", "run_clip"),
    texts=deferred(SILENCE, "no_texts"),
    tokens=deferred(SILENCE, "no_tokens"),
    deviations=deferred(SILENCE, "tell_nothing"),
    cautions=deferred(SILENCE, "tell_nothing"),
    write_tokenizer=deferred(SILENCE, "write_nothing"),
    expect_vocabulary=deferred(SILENCE, "no_vocabulary"),
    probe_texts=deferred(SILENCE, "no_texts"),
    breakable=BREAKABLE,
    medium=UNITS,
)
