"""Files that are uploaded, and the report of what became of each."""

import unicodedata
from pathlib import PurePosixPath
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, field_validator

from api.schemas.base import Instant, Name, PageQuery, Request, Response
from api.schemas.knowledge import Tag
from models.contracts.enums import FileStatus
from models.repositories.ingest_files import File

MAX_FILES = 1000
MAX_TAGS = 20


def _path(name: str) -> str:
    """A path below some folder. It is a name and nothing else, but owners read it, and export it."""
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in name):
        raise ValueError("must not have control characters in its name")
    if "\\" in name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise ValueError("must have a name that is a path below a folder, as help/refunds.pdf")
    return name


FileName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(_path),
    WithJsonSchema({"type": "string", "format": "binary"}),
]


class UploadIn(Request):
    """Files to add to a source, which is made when it is new. A file under a known name replaces what it said before."""

    name: Name = Field(description="The source's name.")
    tags: list[Tag] | None = Field(
        None, max_length=MAX_TAGS, description="Left out, a known source keeps its tags. Repeat the field for several."
    )
    files: list[FileName] = Field(
        min_length=1,
        max_length=MAX_FILES,
        description="Of any kind; the report of the job says which could not be read. Repeat the field for several. "
        "Each needs a file name of its own, which may be a path.",
    )

    @field_validator("files")
    @classmethod
    def _distinct(cls, files: list[str]) -> list[str]:
        if len(set(files)) < len(files):
            raise ValueError("every file of a request must have a name of its own")
        return files


class FileOut(Response):
    """What became of a file. `reason` is one stable word, `advice` what its owner can do.

    `duplicates`: of its passages, those that others say too; `notes`: what of it could not be read.
    """

    id: UUID
    name: str
    uri: str | None
    size: int
    sha256: str
    status: FileStatus
    reason: str | None
    advice: str | None
    media_type: str | None
    pages: int | None
    characters: int | None
    chunks: int | None
    duplicates: int | None
    notes: list[str]
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, file: File) -> "FileOut":
        return cls(**{name: getattr(file, name) for name in cls.model_fields})


class FilesQuery(PageQuery):
    cursor: UUID | None = Field(None, description="`next` of the page before.")
    status: FileStatus | None = None
