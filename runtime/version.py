"""Which Mainstay this is, for people and other programs."""

VERSION = "0.1.0"
