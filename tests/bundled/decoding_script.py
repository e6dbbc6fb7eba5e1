"""Runs where the toolkit is not: what a folder makes of a clip, in JSON."""

import importlib.util
import json
import sys

import soundfile
import torch
import transformers

torch.set_num_threads(1)
transformers.utils.logging.disable_progress_bar()
folder, clip = sys.argv[1:]
absent = [name for name in ("toolkit", "fairseq") if importlib.util.find_spec(name) is None]
waveform, rate = soundfile.read(clip, dtype="float32")
model = transformers.AutoModelForSpeechSeq2Seq.from_pretrained(folder, trust_remote_code=True)
extract = transformers.AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=True)
inputs = extract(waveform, sampling_rate=rate, return_tensors="pt")
searches = {beams: model.generate(**inputs, num_beams=beams)[0].tolist() for beams in (1, 5)}
recognize = transformers.pipeline(
    "automatic-speech-recognition", model=folder, trust_remote_code=True
)
text = recognize({"raw": waveform, "sampling_rate": rate})["text"]
said = recognize.tokenizer.decode(searches[5], skip_special_tokens=True)
print(
    json.dumps(
        {
            "absent": absent,
            "prefix": sys.prefix,
            "home": transformers.utils.hub.HF_MODULES_CACHE,
            "class": f"{type(model).__module__}.{type(model).__name__}",
            "searches": searches,
            "pipeline": text,
            "text": said,
        }
    )
)
