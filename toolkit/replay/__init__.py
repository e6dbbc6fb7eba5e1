"""The Hugging Face side: module pairs, recordings, and single modules fed with fairseq's values."""
