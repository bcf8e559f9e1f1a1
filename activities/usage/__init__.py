"""What embedders, rerankers and transcribers are called for, and by whom: counted aside, so that nobody waits for it."""
