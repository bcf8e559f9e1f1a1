"""What every migration that makes a tenant's table does with it. Frozen: past migrations run through it too."""

from alembic import op

APP_ROLE = "mainstay_app"

# In a sub-select the setting is read once a statement, not once a row.
CURRENT_TENANT = "(SELECT nullif(current_setting('app.tenant', true), '')::uuid)"


def confine(table: str, *, may: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
    """Confine the application role to its tenant's rows of `table`, and to what it `may` do with them."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)")
    op.execute(
        f"CREATE POLICY tenant ON {table} TO {APP_ROLE} "
        f"USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT})"
    )
    op.execute(f"GRANT {may} ON {table} TO {APP_ROLE}")


def hand_out(function: str) -> None:
    """Let the application role, and nobody else, call a definer function that looks across tenants."""
    op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}")
