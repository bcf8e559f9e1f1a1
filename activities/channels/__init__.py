"""Channels: one adapter a provider behind one port, and the lanes in which messages come in and go out."""
