"""A run for people: one HTML page that needs nothing else, or tables in Markdown."""
