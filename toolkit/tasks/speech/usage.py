"""How a converted model of speech is used, as its model card shows it."""

RECOGNITION = "automatic-speech-recognition"
"""The pipeline of transformers that says what was spoken."""
SAYS = """from transformers import pipeline

{caller} = pipeline("automatic-speech-recognition", model={name}{remote})
print({caller}("speech.wav")["text"])"""
"""A model that says what was spoken."""
LAYERS = """## Layers

| fairseq | transformers |
|---|---|
| `extract_features(..., mask=False)` | `last_hidden_state` of the encoder |
| `extract_features(..., output_layer=k)`, `layer=k - 1` | `hidden_states[k]` |

Say `output_hidden_states=True`; `hidden_states[0]` is what the first layer is given. Where the
norm stands before each part of a layer (`do_stable_layer_norm`), one more follows the last layer:
it is in `last_hidden_state`, and in none of `hidden_states`, on either side. Call `model.eval()`
first: in training, LayerDrop leaves layers out."""
"""Where the features of layers are that fairseq gives."""
