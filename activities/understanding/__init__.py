"""What a customer's message asks for, and in which language."""
