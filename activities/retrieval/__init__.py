"""What knowledge has for a question, and how sure that is."""
