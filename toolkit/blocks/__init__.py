"""Parts that several families are made of, each a table of rules that takes its place."""
