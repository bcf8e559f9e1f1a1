"""The steps by which files become passages that a search finds, and move to another embedding space."""
