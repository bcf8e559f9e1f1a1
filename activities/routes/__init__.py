"""Which model is asked: an ordered list of endpoints with keys, rests after failures, and fallbacks."""
