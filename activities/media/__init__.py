"""Files beside messages: brought into the media store, and out of it."""
