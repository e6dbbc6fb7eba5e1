"""How a converted model of speech is used, as its model card shows it."""

RECOGNITION = "automatic-speech-recognition"
"""The pipeline of transformers that says what was spoken."""
SAYS = """from transformers import pipeline

{caller} = pipeline("automatic-speech-recognition", model={name}{remote})
print({caller}("speech.wav")["text"])"""
"""A model that says what was spoken."""
