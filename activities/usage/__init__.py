"""What embedders and rerankers are called for, and by whom: counted aside, so that nobody waits for it."""
