"""Voice messages in words."""
