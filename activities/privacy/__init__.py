"""What is erased, kept no longer, or handed to its owner."""
