"""The Hugging Face folder: what it holds, its tokenizer, its weights, and how it appears whole."""
