"""Which embedding space a tenant is searched in, how it changes to another, and words by their letters.

`pg_trgm` is a trusted extension: the owner of the database may create it.

Revision: 0014, after: 0013
"""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import CURRENT_TENANT, confine, hand_out

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

EXTENSION = """
    DO $$ BEGIN
        CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
    EXCEPTION WHEN OTHERS THEN
        RAISE EXCEPTION 'the extension pg_trgm cannot be created (%): as superuser, in this database: CREATE EXTENSION pg_trgm',
            SQLERRM;
    END $$
"""

# Postgres has no list of them. Of four letters and more; shorter words are not looked up.
KAZAKH_STOP_WORDS = ",".join(
    "айтыңызшы арқылы бересіз бересіздер болады бойы деген дейін екен емес істеймін істеуге кейін керек келеді маған менің "
    "мүмкін неше олар осы өзім сізде сіздер сіздерде сіздерге сәлем сәлеметсіз туралы тұрады үшін қайда қайдан қалай қанша "
    "қаншаға қашан қандай және".split()
)

# Neither % nor @@ is leakproof: under row-level security no index would serve them, so the tenant predicate stands here.
SEARCH_WORDS = """
    CREATE OR REPLACE FUNCTION search_words(question text, tags text[], at_most integer)
        RETURNS TABLE (chunk_id uuid, rank real)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        SELECT c.id, ts_rank(c.words, query, 1) AS rank
        FROM chunks c, any_word_of({asked}) AS query
        WHERE c.tenant_id = {tenant}
            AND c.is_current AND c.words @@ query
            AND (search_words.tags IS NULL OR c.document_id IN (
                SELECT d.id FROM documents d JOIN sources s ON s.tenant_id = d.tenant_id AND s.id = d.source_id
                WHERE d.tenant_id = {tenant}
                    AND d.is_current AND (s.tags = '{{}}' OR s.tags && search_words.tags)))
        ORDER BY rank DESC, c.id LIMIT at_most
    $$
"""

# Words of the tenant's pages that are like the question's: like those that no page has (mistyped, or in another form),
# and in Kazakh, which has no stemmer here, like every one. Trigrams of whole passages would match nearly anything; those
# of single words do not, and a question of known words costs a look at a primary key each.
SIMILAR_WORDS = """
    CREATE FUNCTION similar_words(question text) RETURNS text
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        SELECT string_agg(alike.word, ' ')
        FROM (
            SELECT lexeme AS word FROM unnest(to_tsvector('simple', question))
            WHERE lexeme ~ '^[[:alpha:]]{{4,32}}$' AND to_tsvector('russian', lexeme) <> ''
                AND lexeme <> ALL ('{{{stop_words}}}')
            LIMIT 16
        ) asked, LATERAL (
            SELECT v.word FROM vocabulary v
            WHERE v.tenant_id = {tenant} AND v.word % asked.word AND similarity(v.word, asked.word) >= 0.45
            GROUP BY v.word ORDER BY similarity(v.word, asked.word) DESC, v.word LIMIT 3
        ) alike
        WHERE lower(question) ~ '[әіңғүұқөһ]'
            OR NOT EXISTS (SELECT FROM vocabulary v WHERE v.tenant_id = {tenant} AND v.word = asked.word)
    $$
"""
SIGNATURE = "similar_words(text)"

# The space that has most of a tenant's vectors is the one that it has been searched in.
SETTLE = """
    INSERT INTO tenant_spaces (tenant_id, space_id)
    SELECT DISTINCT ON (tenant_id) tenant_id, space_id FROM embeddings
    GROUP BY tenant_id, space_id ORDER BY tenant_id, count(*) DESC
"""
FILL_VOCABULARY = """
    INSERT INTO vocabulary (tenant_id, word, source_id)
    SELECT DISTINCT c.tenant_id, t.lexeme, d.source_id
    FROM chunks c JOIN documents d ON d.tenant_id = c.tenant_id AND d.id = c.document_id,
        unnest(to_tsvector('simple', c.heading || ' ' || c.text)) t
    WHERE t.lexeme ~ '^[[:alpha:]]{4,32}$'
"""


def upgrade() -> None:
    op.execute(EXTENSION)
    op.add_column("embeddings", sa.Column("version", sa.SmallInteger(), server_default="1", nullable=False))
    op.create_table(
        "tenant_spaces",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("space_id", sa.SmallInteger(), nullable=False),
        *_stamps(),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_tenant_spaces_tenant_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["space_id"], ["embedding_spaces.id"], name="fk_tenant_spaces_space_id"),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenant_spaces"),
    )
    op.create_table(
        "reindexes",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        *_stamps(),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("space_id", sa.SmallInteger(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                *("queued", "running", "done", "failed"),
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="queued",
            nullable=False,
        ),
        sa.Column("chunks_total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("chunks_embedded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_reindexes_tenant_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["space_id"], ["embedding_spaces.id"], name="fk_reindexes_space_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_reindexes"),
    )
    op.create_index(
        "uq_reindexes_open",
        "reindexes",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_table(
        "vocabulary",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("source_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_vocabulary_tenant_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "source_id"],
            ["sources.tenant_id", "sources.id"],
            name="fk_vocabulary_tenant_id_source_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "word", "source_id", name="pk_vocabulary"),
    )
    op.execute(SETTLE)
    op.execute(FILL_VOCABULARY)
    op.create_index(
        "ix_vocabulary_letters",
        "vocabulary",
        ["word"],
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
    )
    for table in ("tenant_spaces", "reindexes", "vocabulary"):
        confine(table)
    op.execute(SIMILAR_WORDS.format(tenant=CURRENT_TENANT, stop_words=KAZAKH_STOP_WORDS))
    hand_out(SIGNATURE)
    asked = "concat_ws(' ', question, similar_words(question))"
    op.execute(SEARCH_WORDS.format(asked=asked, tenant=CURRENT_TENANT))


def downgrade() -> None:
    op.execute(SEARCH_WORDS.format(asked="question", tenant=CURRENT_TENANT))
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    for table in ("vocabulary", "reindexes", "tenant_spaces"):
        op.drop_table(table)
    op.drop_column("embeddings", "version")


def _stamps() -> tuple[sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
