"""Sites as knowledge: which of their addresses are asked for, how politely, and what is made of the answers."""
