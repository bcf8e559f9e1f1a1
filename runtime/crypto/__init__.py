"""Encryption at rest: root keys wrap data keys, data keys encrypt. Which key belongs to whom is models' business."""
