"""What the parts of a tensor's name mean, whatever its author called them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from math import log

_SPLIT = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
# fmt: off
_SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys(("q", "query", "wq", "queries", "linearq"),               "query"),
    **dict.fromkeys(("k", "key", "wk", "keys", "lineark"),                    "key"),
    **dict.fromkeys(("v", "value", "wv", "values", "val", "linearv"),         "value"),
    **dict.fromkeys(("o", "out", "wo", "output", "dense"),                    "out"),
    **dict.fromkeys(("attn", "attention", "mha", "att", "sa", "selfattn"),    "attention"),
    **dict.fromkeys(("ln", "norm", "layernorm", "layer_norm", "rmsnorm"),     "norm"),
    **dict.fromkeys(("fc1", "w1", "linear1", "up", "expand", "intermediate"), "first"),
    **dict.fromkeys(("fc2", "w2", "linear2", "down", "contract", "shrink"),   "second"),
    **dict.fromkeys(("ffn", "mlp", "feedforward", "ff"),                      "feed"),
    **dict.fromkeys(("weight", "w", "kernel", "gamma", "scale", "gain"),      "weight"),
    **dict.fromkeys(("bias", "b", "beta", "shift", "offset"),                 "bias"),
    **dict.fromkeys(("emb", "embed", "embedding", "embeddings", "tok"),       "embedding"),
    **dict.fromkeys(("pos", "position", "positions", "positional"),           "position"),
    **dict.fromkeys(("conv", "convolution", "cnn", "convs"),                  "convolution"),
    **dict.fromkeys(("enc", "encoder"),                                       "encoder"),
    **dict.fromkeys(("dec", "decoder"),                                       "decoder"),
    **dict.fromkeys(("cross", "src", "memory"),                               "cross"),
    **dict.fromkeys(("proj", "projection", "linear", "lin", "project"),       "projection"),
    **dict.fromkeys(("layers", "layer", "blocks", "block", "stack"),          "layers"),
    **dict.fromkeys(("quantizer", "quant", "vq", "codebook"),                 "quantizer"),
    **dict.fromkeys(("mask", "masked"),                                       "mask"),
    **dict.fromkeys(("final", "last", "post", "after"),                       "final"),
}
# fmt: on
_ACROSS = re.compile(r"(?i)enc(oder)?_?att(entio)?n")
"""What attention is called that looks at the encoder, which others say is across."""
_TOGETHER = ("fc1", "fc2", "w1", "w2", "linear1", "linear2", "layernorm", "wq", "wk", "wv", "wo")
"""Words that are one although a digit or a letter parts them."""


@cache
def tokens(part: str) -> frozenset[str]:
    """What the words of one part of a name mean; a word that nobody knows means itself."""
    part = _ACROSS.sub("cross_attn", part)
    whole = part.lower().replace("_", "")
    if whole in _SYNONYMS:
        return frozenset([_SYNONYMS[whole]])
    found = {word for word in _TOGETHER if word in whole}
    kept = whole
    for word in found:
        kept = kept.replace(word, " ")
    split = found | set(_words(part)) if kept == whole else found | set(_words(kept))
    return frozenset(_SYNONYMS.get(word, word) for word in split)


def _words(text: str) -> list[str]:
    """The words of a name, without single letters behind a digit: those stand for nothing."""
    found = _SPLIT.finditer(text)
    return [
        m[0].lower()
        for m in found
        if len(m[0]) > 1 or not text[m.start() - 1 : m.start()].isdigit()
    ]


class Vocabulary:
    """How much each word tells, by how few of the target's names have it."""

    def __init__(self, names: Iterable[str]) -> None:
        """Takes the target's names."""
        counted: Counter[str] = Counter()
        total = 0
        for name in names:
            total += 1
            counted.update({token for part in name.split(".") for token in tokens(part)})
        self._weights = {word: log((1 + total) / count) for word, count in counted.items()}

    def likeness(self, source: str, target: str) -> float:
        """How much of what a target's name says a source's says too, between 0 and 1."""
        if source == target:
            return 1.0
        ours, wanted = _weighted(source), _weighted(target)
        total = sum(self._weights.get(word, 0) * weight for word, weight in wanted.items())
        shared = sum(
            self._weights.get(word, 0) * min(weight, ours.get(word, 0))
            for word, weight in wanted.items()
        )
        return shared / total if total else 0.0


@cache
def _weighted(name: str) -> Mapping[str, float]:
    """The words of a name; those of its end count more."""
    weights: dict[str, float] = {}
    for depth, part in enumerate(reversed(name.split("."))):
        for token in tokens(part):
            weights[token] = max(weights.get(token, 0.0), 0.7**depth)
    return weights
