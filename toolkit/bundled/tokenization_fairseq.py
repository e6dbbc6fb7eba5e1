"""A tokenizer whose dictionary lacks pieces of its sentencepiece model.

fairseq cuts a text into pieces with the whole sentencepiece model and looks each piece up in its
dictionary, where a missing one counts as `<unk>`. Here the rows of the dictionary come first, so
that their ids are fairseq's, and the missing pieces follow: they take part in cutting a text, and
their ids become that of `<unk>` before anybody sees them.

A converted folder carries this module; `AutoTokenizer.from_pretrained` loads it with
`trust_remote_code=True` and refuses the folder without.
"""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedTokenizerFast


class FairseqTokenizerFast(PreTrainedTokenizerFast):
    """Cuts with every piece, answers with the rows of the dictionary alone.

    The keyword argument `dictionary_size` says how many pieces of the backend are rows.
    """

    # Makes `save_pretrained` write this module and the entry that finds it.
    _auto_class = "AutoTokenizer"

    @property
    def vocab_size(self) -> int:
        """How many rows the dictionary has."""
        return int(self.init_kwargs["dictionary_size"])

    def __len__(self) -> int:
        return int(super().__len__()) - len(self._hidden)

    def get_vocab(self) -> dict[str, int]:
        """The symbols of the dictionary and their ids."""
        hidden = self._hidden
        return {token: index for token, index in super().get_vocab().items() if index not in hidden}

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The symbols of ids, None where an id has none."""
        hidden, beyond = self._hidden, super().__len__()
        if isinstance(ids, int):
            return super().convert_ids_to_tokens(beyond if ids in hidden else ids)
        shown = [beyond if int(index) in hidden else int(index) for index in ids]
        return super().convert_ids_to_tokens(shown, skip_special_tokens=skip_special_tokens)

    @property
    def _hidden(self) -> range:
        return range(self.vocab_size, self._tokenizer.get_vocab_size(with_added_tokens=False))

    def _looked_up(self, ids: list[int]) -> list[int]:
        hidden, unknown = self._hidden, self._tokenizer.token_to_id(self.unk_token)
        return [unknown if index in hidden else index for index in ids]

    # What every way of encoding passes through, batches, pairs and overflow included.
    def _convert_encoding(self, *args: Any, **kwargs: Any) -> tuple[dict[str, Any], list[Any]]:
        values, encodings = super()._convert_encoding(*args, **kwargs)
        values["input_ids"] = [self._looked_up(ids) for ids in values["input_ids"]]
        return values, encodings

    def _encode_without_added_tokens(self, text: str) -> list[int]:
        return self._looked_up(super()._encode_without_added_tokens(text))

    def _convert_token_to_id_with_added_voc(self, token: str) -> int:
        return self._looked_up([super()._convert_token_to_id_with_added_voc(token)])[0]

    def _convert_id_to_token(self, index: int) -> Any:
        return self.convert_ids_to_tokens(int(index))
