#!/bin/sh
# Creates the namespace and its search attributes; what exists already is left alone.
set -eu

namespace=default
# Finished runs stay readable this long; the records in Postgres stay.
retention=168h

temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$namespace" --retention "$retention"

# The same as runtime/search_attributes.py; a test compares the two.
for attribute in \
    TenantId:Keyword \
    ConversationState:Keyword \
    Channel:Keyword \
    EscalationStatus:Keyword \
    Priority:Int; do
    temporal operator search-attribute create --namespace "$namespace" --name "${attribute%%:*}" --type "${attribute##*:}"
done
