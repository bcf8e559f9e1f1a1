"""Side effects, one module a verb. Everything here may run more than once, and none of it minds."""
