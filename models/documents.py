"""What is said of a document wherever it comes in: through the API, the command line, or a lesson learned."""

from pathlib import PurePosixPath

from runtime.characters import beginning

TITLE_CHARACTERS = 200


def title_of(text: str, name: str) -> str:
    """A page's first Markdown heading, else its file's name without folder and ending."""
    for line in text.splitlines():
        if line.startswith("# ") and (title := line[2:].strip(" #")):
            return beginning(title, TITLE_CHARACTERS)
    return PurePosixPath(name).stem or name
