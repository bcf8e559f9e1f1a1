#!/bin/sh
# Runs once, when the volume is empty: the roles, databases and extensions that only a superuser can make.
# Tables and grants belong to `mainstay migrate`.
set -eu

# psql quotes the passwords itself (:'name'), so no character in them can end the statement.
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set app_password="$APP_DB_PASSWORD" --set temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
-- The role that serves requests. Row-level security binds it: it neither owns tables nor may bypass policies.
CREATE ROLE mainstay_app LOGIN PASSWORD :'app_password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;

CREATE EXTENSION vector;
CREATE EXTENSION pg_trgm;

CREATE ROLE temporal LOGIN PASSWORD :'temporal_password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;

-- Neither of the two reads the other's records.
REVOKE CONNECT ON DATABASE mainstay, temporal, temporal_visibility FROM PUBLIC;
GRANT CONNECT ON DATABASE mainstay TO mainstay_app;
SQL
