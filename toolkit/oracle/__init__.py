"""The fairseq side: builds the reference model from data, runs it, and records what it does.

Python 3.8, torch, numpy and fairseq are all that this layer needs.
"""
