"""Classifiers of both kinds and every era, by what differs from the plainest."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.variants.ctc_kinds import (
    ADAPTERS,
    EQUAL_WIDTHS,
    GROUP_NORM,
    CtcVariant,
    Groups,
    State,
    as_dict_config,
    as_first_hydra,
    as_hydra,
    as_namespace,
    in_half,
    without_w2v_args,
)
from tests.variants.data2vec_kinds import DATA2VEC, POST_NORM

LANGUAGES = ("ara", "cmn", "eng", "fra", "deu", "hin", "ita")
POOLING = {"pooling": "mean"}
PLAIN = {"activation_fn": "linear"}
OF_DATA2VEC: dict[str, Any] = {
    **{"encoder": "data2vec_audio", "usual": DATA2VEC, "kind": POST_NORM, "normalize": True}
}
BUNDLED, STOCK = "bundled exact", "stock exact"


def _variant(name: str, ends: str = BUNDLED, **given: Any) -> CtcVariant:
    outer = {**POOLING, **given.pop("outer", {})}
    return CtcVariant(
        name=f"classifier, {name}",
        model="wav2vec_classification",
        task="audio_classification",
        labels="lang",
        symbols=LANGUAGES,
        outer=outer,
        ends=ends,
        **given,
    )


def with_dictionary_inside(groups: Groups, state: State) -> dict[str, Any]:
    """As fairseq main saves: the task's own state holds the dictionary as an object."""
    from fairseq.data import Dictionary

    dictionary = Dictionary(add_special_symbols=False)
    for label in LANGUAGES:
        dictionary.add_symbol(label)
    return {**as_hydra(groups, state), "task_state": {"target_dictionary": dictionary}}


def without_arguments(_: Groups, state: State) -> dict[str, Any]:
    """As packed by hand: tensors alone, with a note of what they were."""
    return {"args": None, "cfg": {"note": "by hand"}, "model": state}


def with_pooling(name: str, *lost: str) -> Any:
    """Makes what a fork's model saves that pools in another way; some of the head is not there."""
    return partial(_with_pooling, name=name, lost=lost)


def _with_pooling(groups: Groups, state: State, *, name: str, lost: tuple[str, ...]) -> Any:
    kept = {key: tensor for key, tensor in state.items() if not key.endswith(lost)}
    return as_hydra({**groups, "model": {**groups["model"], "pooling": name}}, kept)


CLASS_VARIANTS = (
    _variant("layer norm"),
    _variant("group norm", kind=GROUP_NORM),
    _variant("nothing behind the mean", STOCK, outer=PLAIN),
    _variant("group norm, nothing behind the mean", STOCK, kind=GROUP_NORM, outer=PLAIN),
    _variant("relu", outer={"activation_fn": "relu"}),
    _variant("tanh", outer={"activation_fn": "tanh"}),
    _variant("gelu_accurate", outer={"activation_fn": "gelu_accurate"}),
    _variant("relu_squared", outer={"activation_fn": "relu_squared"}),
    _variant("narrower head", outer={"latent_embed_dim": 12}),
    _variant("wider head, nothing behind the mean", STOCK, outer={**PLAIN, "latent_embed_dim": 40}),
    _variant("equal widths", inner=EQUAL_WIDTHS),
    _variant("DictConfig", save=as_dict_config),
    _variant("Namespace", save=as_namespace),
    _variant("group norm, Namespace", kind=GROUP_NORM, save=as_namespace),
    _variant("old inner configuration", save=as_first_hydra),
    _variant("no w2v_args", save=without_w2v_args),
    _variant("no arguments", save=without_arguments),
    _variant("dictionary in the checkpoint", save=with_dictionary_inside),
    _variant("float16 weights", save=in_half),
    _variant("data2vec", **OF_DATA2VEC),
    _variant("data2vec, nothing behind the mean", STOCK, outer=PLAIN, **OF_DATA2VEC),
    _variant(
        "swish, which fairseq itself cannot run",
        "refused: args.activation_fn",
        outer={"activation_fn": "swish"},
    ),
    _variant(
        "first_token",
        "refused: args.pooling",
        save=with_pooling("first_token", "linear.weight", "linear.bias"),
    ),
    _variant(
        "mean_amsoftmax",
        "refused: args.pooling",
        save=with_pooling("mean_amsoftmax", "projection.bias"),
    ),
    _variant("max", "refused: args.pooling", save=with_pooling("max")),
    _variant("adapters for languages", "refused: w2v_args.adp_num", inner=ADAPTERS, outer=ADAPTERS),
)
