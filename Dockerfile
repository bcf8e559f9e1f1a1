# One image for every role: `mainstay api`, `mainstay worker`, `mainstay migrate`.

FROM python:3.12-slim AS build
RUN pip install --no-cache-dir uv==0.13.8
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_SYSTEM_CERTS=1 VIRTUAL_ENV=/opt/mainstay
WORKDIR /src
# Dependencies first: they change less often than the code, and stay a cached layer.
COPY requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --no-python-downloads "$VIRTUAL_ENV" && uv pip sync --require-hashes requirements.lock
COPY . .
RUN --mount=type=cache,target=/root/.cache/uv uv pip install --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/mainstay --create-home mainstay \
    # A volume that is mounted here belongs to whom this folder belongs.
    && install --directory --owner mainstay --mode 0700 /var/lib/mainstay/media
COPY --from=build /opt/mainstay /opt/mainstay
ENV PATH=/opt/mainstay/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    MAINSTAY_HOST=0.0.0.0 \
    MAINSTAY_DATA_DIR=/var/lib/mainstay
USER mainstay
WORKDIR /var/lib/mainstay
EXPOSE 8080
# Of the gateway; the other roles set their own in docker-compose.yml.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=6 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health/live', timeout=4)"]
ENTRYPOINT ["mainstay"]
CMD ["api"]
