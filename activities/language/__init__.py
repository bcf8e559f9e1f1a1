"""The parts of a text, in every language that Mainstay speaks: sentences, terms, quantities. Pure."""
