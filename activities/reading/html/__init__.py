"""Web pages: what a visitor sees of them becomes Markdown."""
