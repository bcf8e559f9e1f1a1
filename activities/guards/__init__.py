"""What an answer must pass before a customer sees it."""
