#!/bin/sh
# Brings Temporal's two databases to the schema of this release; a database that is current is left alone.
# Connection and password come from SQL_* variables, which the tool reads itself.
set -eu

for store in temporal:temporal temporal_visibility:visibility; do
    database=${store%%:*}
    versions=/etc/temporal/schema/postgresql/v12/${store##*:}/versioned
    temporal-sql-tool --db "$database" setup-schema -v 0.0
    temporal-sql-tool --db "$database" update-schema -d "$versions"
done
