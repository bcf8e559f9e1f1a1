"""The steps of a turn: what a message means, what is said to it, and the record of both."""
