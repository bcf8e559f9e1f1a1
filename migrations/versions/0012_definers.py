"""What runs as the owner of the tables trusts nothing that its caller made.

Without `pg_temp` in a search path Postgres looks for tables there first: a temporary table or view of the caller's
would stand in for ours, and a view's functions would run as the owner. And whoever may execute a trigger's function
can put it on a table of their own, as the one that moves the audit log's head.

Revision: 0012, after: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

DEFINERS = """
    DO $$
    DECLARE definer regprocedure;
    BEGIN
        FOR definer IN
            SELECT p.oid FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace
        LOOP
            EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', definer);
            -- Who is named keeps what was granted.
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', definer);
        END LOOP;
    END $$
"""


def upgrade() -> None:
    op.execute(DEFINERS)


def downgrade() -> None:
    """Nothing: revision 0011 runs with it, too."""
