"""What users run where only transformers is: a folder of texts translates a sentence."""

import importlib.util
import json
import sys

from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

folder, sentence = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
written = model.generate(**tokenizer(sentence, return_tensors="pt"))
said = {
    "absent": [n for n in ("toolkit", "fairseq") if importlib.util.find_spec(n) is None],
    "class": type(model).__name__,
    "text": tokenizer.batch_decode(written, skip_special_tokens=True)[0],
}
print(json.dumps(said))
