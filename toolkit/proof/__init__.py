"""Proofs that travel: what `verification.json` says of its folder, and whether that still holds."""
