"""Passages become an answer: one port, a quoting generator and a writing one over two model servers."""
