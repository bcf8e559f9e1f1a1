"""The managers' desk: what happens is posted into topics of a group, and what people do there becomes commands."""
