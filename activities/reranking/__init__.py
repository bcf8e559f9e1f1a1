"""Found passages in a better order: one port, two adapters."""
