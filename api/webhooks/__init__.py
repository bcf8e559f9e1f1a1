"""What providers deliver: proved first, over the bytes as they came, and only then read."""
