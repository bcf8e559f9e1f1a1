-- Ten tenants with 200 conversations of 20 messages and 1,000 passages each. Run as the owner, whom nothing confines.
CREATE TEMP TABLE seeded AS SELECT gen_random_uuid() AS tenant_id FROM generate_series(1, 10);

INSERT INTO tenants (id, slug, name) SELECT tenant_id, 't-' || tenant_id, 'Seeded' FROM seeded;

INSERT INTO branches (tenant_id, id, slug, name) SELECT tenant_id, gen_random_uuid(), 'main', 'Main' FROM seeded;

INSERT INTO channel_accounts (tenant_id, id, branch_id, kind, name)
SELECT tenant_id, gen_random_uuid(), id, 'api', 'default' FROM branches;

INSERT INTO customers (tenant_id, id, external_id)
SELECT tenant_id, gen_random_uuid(), 'c' || n FROM seeded, generate_series(1, 200) AS n;

INSERT INTO conversations (tenant_id, id, channel_account_id, customer_id, chat_id)
SELECT c.tenant_id, gen_random_uuid(), a.id, c.id, c.external_id
FROM customers c JOIN channel_accounts a ON a.tenant_id = c.tenant_id;

INSERT INTO messages (tenant_id, id, conversation_id, direction, author, status, kind, text, turn)
SELECT tenant_id, gen_random_uuid(), id, 'outbound', 'bot', 'sent', 'answer', 'Delivery takes two days.', n
FROM conversations, generate_series(1, 20) AS n;

INSERT INTO sources (tenant_id, id, name) SELECT tenant_id, gen_random_uuid(), 'help' FROM seeded;

INSERT INTO documents
    (tenant_id, id, source_id, name, title, media_type, body, content_hash, version, chunk_count, is_current)
SELECT tenant_id, gen_random_uuid(), id, 'd', 'd', 'text/plain', 'x', 'x', 1, 1000, true FROM sources;

INSERT INTO chunks (tenant_id, id, document_id, ordinal, text, language, content_hash, is_current)
SELECT tenant_id, gen_random_uuid(), id, n,
    'Delivery of order ' || n || ' to city ' || n % 97 || ' takes ' || n % 9 || ' days by courier', 'en', n::text, true
FROM documents, generate_series(1, 1000) AS n;

-- All of one vector: what is timed is how rows are reached, and building an index of many would take minutes.
INSERT INTO embeddings (tenant_id, chunk_id, space_id, embedding)
SELECT tenant_id, id, 1, array_fill(0.05::real, ARRAY[384])::vector FROM chunks;

ANALYZE;
