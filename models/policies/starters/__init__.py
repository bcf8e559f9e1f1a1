"""Policies to begin with, by industry: one YAML file each, with comments for whoever goes on from there."""

from importlib import resources

INDUSTRIES = ("bank", "clinic", "shop", "telecom")


def document(industry: str) -> str:
    """The policy of one of INDUSTRIES as YAML."""
    return resources.files(__name__).joinpath(f"{industry}.yaml").read_text("utf-8")
