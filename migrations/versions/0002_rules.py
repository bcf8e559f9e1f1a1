"""What tables alone cannot say: row-level security, invariants, event numbers, and the functions that look
across tenants.

The policy for the owner exists because security is forced on owners too: migrations and the definer functions
below run as the owner, which on a managed Postgres is no superuser. The application role is never the owner.

Revision: 0002, after: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APP_ROLE = "mainstay_app"

TENANT_TABLES = (
    "api_keys branches channel_accounts chunks conversations customers documents drafts embeddings escalations "
    "event_counters events idempotency_keys ingest_jobs learned_answers members messages notices policies send_ledger sources "
    "tenant_settings"
).split()

# In a sub-select the setting is read once a statement, not once a row.
CURRENT_TENANT = "(SELECT nullif(current_setting('app.tenant', true), '')::uuid)"

INVARIANTS = (
    """
    CREATE FUNCTION check_conversation_escalation() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        owner_tenant uuid := NEW.tenant_id;
        conversation uuid;
        conversation_state text;
        open_statuses text[];
    BEGIN
        -- Separate branches: the row types of the two tables differ.
        IF TG_TABLE_NAME = 'conversations' THEN
            conversation := NEW.id;
        ELSE
            conversation := NEW.conversation_id;
        END IF;
        SELECT c.state INTO conversation_state FROM conversations c
            WHERE c.tenant_id = owner_tenant AND c.id = conversation;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        SELECT coalesce(array_agg(e.status::text), '{}') INTO open_statuses FROM escalations e
            WHERE e.tenant_id = owner_tenant AND e.conversation_id = conversation AND e.status IN ('pending', 'active');
        IF open_statuses IS DISTINCT FROM (CASE conversation_state
            WHEN 'pending' THEN ARRAY['pending'] WHEN 'manager_active' THEN ARRAY['active'] ELSE ARRAY[]::text[] END)
        THEN
            RAISE EXCEPTION 'conversation % is % but its open escalations are %',
                conversation, conversation_state, open_statuses
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'conversation_matches_escalation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER conversation_matches_escalation
        AFTER INSERT OR UPDATE OF state ON conversations DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION check_conversation_escalation()
    """,
    """
    CREATE CONSTRAINT TRIGGER conversation_matches_escalation
        AFTER INSERT OR UPDATE OF status ON escalations DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION check_conversation_escalation()
    """,
)

# The counter's row lock is held until commit, which is what makes numbers appear in order. A notification
# carries ids only: the text is read by whoever may see it.
EVENTS = (
    """
    CREATE FUNCTION number_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO event_counters AS c (tenant_id, last_seq) VALUES (NEW.tenant_id, 1)
            ON CONFLICT (tenant_id) DO UPDATE SET last_seq = c.last_seq + 1
            RETURNING c.last_seq INTO NEW.seq;
        PERFORM pg_notify('mainstay_events',
            NEW.tenant_id || ' ' || coalesce(NEW.conversation_id::text, '-') || ' ' || NEW.seq);
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER number_event BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION number_event()
    """,
)

# Each of these looks across tenants for one narrow purpose, which row-level security would forbid.
ACROSS_TENANTS = (
    """
    CREATE FUNCTION authenticate_api_key(key_hash bytea)
        RETURNS TABLE (tenant_id uuid, suspended boolean, key_id uuid, member_id uuid, member_name text, role text)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT k.tenant_id, t.suspended, k.id, m.id, m.name, m.role::text
        FROM api_keys k
        JOIN tenants t ON t.id = k.tenant_id
        JOIN members m ON m.tenant_id = k.tenant_id AND m.id = k.member_id
        WHERE k.hash = key_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
            AND NOT m.disabled
    $$
    """,
    """
    CREATE FUNCTION list_tenants()
        RETURNS TABLE (id uuid, slug text, name text, suspended boolean, created_at timestamptz)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT t.id, t.slug, t.name, t.suspended, t.created_at FROM tenants t ORDER BY t.slug
    $$
    """,
    # Claims stored messages that no turn has handled, the oldest first; each claim doubles the wait before the next.
    """
    CREATE FUNCTION claim_unaccepted_messages(after interval, at_most integer)
        RETURNS TABLE (tenant_id uuid, conversation_id uuid, message_id uuid)
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        UPDATE messages m SET handovers = m.handovers + 1, handed_over_at = now()
        FROM (
            SELECT c.tenant_id, c.id FROM messages c
            WHERE c.status = 'stored'
                AND c.created_at < now() - after
                AND (c.handed_over_at IS NULL OR c.handed_over_at < now() - after * (2 ^ least(c.handovers, 8)))
            ORDER BY c.created_at LIMIT at_most FOR UPDATE SKIP LOCKED
        ) due
        WHERE m.tenant_id = due.tenant_id AND m.id = due.id
        RETURNING m.tenant_id, m.conversation_id, m.id
    $$
    """,
    # Any word of a question, in every form in which chunks keep words. Each lexeme is quoted, so that no character
    # of a question is an operator. `english` and `simple` keep Russian stop words, which many chunks would match: what
    # the Russian dictionary drops (it knows the English ones too) is dropped there as well.
    r"""
    CREATE FUNCTION any_word_of(question text) RETURNS tsquery
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, public AS $$
        SELECT string_agg('''' || replace(replace(word, '\', '\\'), '''', '''''') || '''', ' | ')::tsquery
        FROM (
            SELECT lexeme FROM unnest(to_tsvector('russian', question))
            UNION
            SELECT lexeme FROM unnest(to_tsvector('english', question) || to_tsvector('simple', question))
                WHERE to_tsvector('russian', lexeme) <> ''
        ) AS words (word)
    $$
    """,
    """
    CREATE FUNCTION forget_idempotency_keys(older_than interval)
        RETURNS void
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        DELETE FROM idempotency_keys WHERE created_at < now() - older_than
    $$
    """,
    # Full-text operators are not leakproof, so under row-level security no index would serve them (a sequential scan
    # of the tenant's chunks instead). The tenant predicate stands here, once.
    """
    CREATE FUNCTION search_words(question text, tags text[], at_most integer)
        RETURNS TABLE (chunk_id uuid, rank real)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT c.id, ts_rank(c.words, query, 1) AS rank
        FROM chunks c, any_word_of(question) AS query
        WHERE c.tenant_id = (SELECT nullif(current_setting('app.tenant', true), '')::uuid)
            AND c.is_current AND c.words @@ query
            AND (search_words.tags IS NULL OR c.document_id IN (
                SELECT d.id FROM documents d JOIN sources s ON s.tenant_id = d.tenant_id AND s.id = d.source_id
                WHERE d.tenant_id = (SELECT nullif(current_setting('app.tenant', true), '')::uuid)
                    AND d.is_current AND (s.tags = '{}' OR s.tags && search_words.tags)))
        ORDER BY rank DESC, c.id LIMIT at_most
    $$
    """,
    # Registers a model's vector space with an index of its own, so that spaces can be built side by side.
    """
    CREATE FUNCTION ensure_embedding_space(of_provider text, of_model text, of_dimension integer)
        RETURNS smallint
        LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE space smallint;
    BEGIN
        SELECT s.id INTO space FROM embedding_spaces s
            WHERE s.provider = of_provider AND s.model = of_model AND s.dimension = of_dimension;
        IF FOUND THEN
            RETURN space;
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('embedding_spaces'));
        INSERT INTO embedding_spaces (provider, model, dimension) VALUES (of_provider, of_model, of_dimension)
            ON CONFLICT DO NOTHING RETURNING id INTO space;
        IF space IS NULL THEN
            SELECT s.id INTO space FROM embedding_spaces s
                WHERE s.provider = of_provider AND s.model = of_model AND s.dimension = of_dimension;
            RETURN space;
        END IF;
        -- HNSW indexes up to 2,000 dimensions; longer vectors are searched exactly.
        IF of_dimension <= 2000 THEN
            EXECUTE format(
                'CREATE INDEX %I ON embeddings USING hnsw ((embedding::vector(%s)) vector_cosine_ops) WHERE space_id = %s',
                'ix_embeddings_space_' || space, of_dimension, space);
        END IF;
        RETURN space;
    END $$
    """,
)

FUNCTIONS = (
    "authenticate_api_key(bytea)",
    "list_tenants()",
    "claim_unaccepted_messages(interval, integer)",
    "forget_idempotency_keys(interval)",
    "search_words(text, text[], integer)",
    "any_word_of(text)",
    "ensure_embedding_space(text, text, integer)",
)


def secure(table: str, column: str = "tenant_id") -> None:
    """Confine the application role to its tenant's rows of `table`, for reading and for writing."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)")
    op.execute(
        f"CREATE POLICY tenant ON {table} TO {APP_ROLE} "
        f"USING ({column} = {CURRENT_TENANT}) WITH CHECK ({column} = {CURRENT_TENANT})"
    )


def upgrade() -> None:
    for statement in (*INVARIANTS, *EVENTS, *ACROSS_TENANTS):
        op.execute(statement)

    op.execute(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}")
    secure("tenants", "id")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON tenants TO {APP_ROLE}")
    for table in TENANT_TABLES:
        secure(table)
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")
    op.execute(f"GRANT SELECT ON embedding_spaces, alembic_version TO {APP_ROLE}")
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}")


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP TRIGGER number_event ON events")
    op.execute("DROP FUNCTION number_event()")
    for table in ("conversations", "escalations"):
        op.execute(f"DROP TRIGGER conversation_matches_escalation ON {table}")
    op.execute("DROP FUNCTION check_conversation_escalation()")
    for table in ("tenants", *TENANT_TABLES):
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"DROP POLICY owner ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"REVOKE ALL ON {table} FROM {APP_ROLE}")
    op.execute(f"REVOKE ALL ON embedding_spaces, alembic_version FROM {APP_ROLE}")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {APP_ROLE}")
