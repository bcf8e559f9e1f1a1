"""Letters that were saved as files."""
