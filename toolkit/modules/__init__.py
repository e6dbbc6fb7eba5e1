"""Any two torch models: the same proof as of a conversion, with no checkpoint and no fairseq."""
