"""Errors as RFC 9457 problem details: one class to raise, one shape on the wire, one way to document them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
NOT_BLANK = r"\S"


class FieldError(BaseModel):
    """One wrong field of a request: where it is (`customer.name`), and what would be right. Of a document that people
    write by hand also its line and column, from 1."""

    field: str
    message: str
    line: int | None = None
    column: int | None = None


class ProblemDetails(BaseModel):
    """RFC 9457 problem details. `type` names the kind of problem and is stable; `detail` is for people."""

    model_config = ConfigDict(title="Problem", extra="allow")

    type: str = Field(examples=["urn:mainstay:problem:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(ge=400, le=599, examples=[404])
    detail: str = Field(examples=["There is no such conversation."])
    request_id: str = Field(description="Quote it when you report the problem.")
    errors: list[FieldError] | None = Field(None, description="Every wrong field, when the request was invalid.")


class ProblemError(Exception):
    """Ends a request with a problem. `extra` adds members to the body, `kind` refines the type."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.headers = dict(headers or {})
        self.extra = extra


def not_found(what: str) -> ProblemError:
    """Also for what belongs to another tenant: whether it exists is nobody else's business."""
    return ProblemError(404, f"There is no such {what}.")


def invalid(field: str, message: str) -> ProblemError:
    return ProblemError(422, "The request is invalid.", kind="invalid", errors=[{"field": field, "message": message}])


def unavailable(detail: str, *, retry_after: int = 2) -> ProblemError:
    return ProblemError(503, detail, headers={"Retry-After": str(retry_after)})


def render(request: Request, problem: ProblemError) -> JSONResponse:
    title = HTTPStatus(problem.status).phrase
    body = {
        "type": f"urn:mainstay:problem:{problem.kind or title.lower().replace(' ', '-')}",
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": request.state.request_id,
        **problem.extra,
    }
    return JSONResponse(body, problem.status, problem.headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every error of `app`, the framework's own included, answered as a problem."""

    async def ours(request: Request, error: ProblemError) -> JSONResponse:
        return render(request, error)

    async def frameworks(request: Request, error: HTTPException) -> JSONResponse:
        return render(request, ProblemError(error.status_code, _sentence(error), headers=error.headers))

    async def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        return render(request, _of_validation(error))

    async def defect(request: Request, _error: Exception) -> JSONResponse:
        return render(request, ProblemError(500, "Something went wrong here. It has been logged under the request id."))

    app.exception_handler(ProblemError)(ours)
    app.exception_handler(HTTPException)(frameworks)
    app.exception_handler(RequestValidationError)(unreadable)
    app.exception_handler(Exception)(defect)


def _sentence(error: HTTPException) -> str:
    match error.status_code:
        case 400:
            return "The body could not be read: it must be JSON in UTF-8, or a multipart form where one is asked for."
        case 404:
            return "There is nothing at this path."
        case 405:
            return "This path does not support this method; see the Allow header."
        case _:
            return error.detail


def _of_validation(error: RequestValidationError) -> ProblemError:
    found = error.errors()
    for item in found:
        if item["type"] == "json_invalid":
            return ProblemError(400, f"The body is not valid JSON, from character {item['loc'][-1]} on.")
    errors = [{"field": _field(item["loc"]), "message": _message(item)} for item in found]
    return ProblemError(422, "The request is invalid.", kind="invalid", errors=errors)


def _field(location: tuple[str | int, ...]) -> str:
    """`("body", "documents", 0, "name")` as `documents.0.name`; where a whole part is wrong, the part's name."""
    part, *rest = location
    return ".".join(map(str, rest)) or str(part)


def _message(item: dict[str, Any]) -> str:
    match item["type"]:
        case "extra_forbidden":
            return "unknown field"
        case "missing":
            return "required"
        case "string_pattern_mismatch" if item["ctx"]["pattern"] == NOT_BLANK:
            return "must not be blank"
        case "model_attributes_type" | "dict_type" if item["loc"] == ("body",):
            return "must be a JSON object, sent as application/json"
        case _:
            return str(item["msg"]).removeprefix("Value error, ")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses for the problems that an operation can end in."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)}
