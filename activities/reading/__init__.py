"""Files become Markdown: what they are is told by content, and each is read by a process that may die."""
