"""Texts become vectors: one port, four adapters."""
