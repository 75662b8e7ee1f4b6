"""What the board in PostgreSQL is asked and told: its tables and its statements."""

from typing import LiteralString

TABLES: LiteralString = """
CREATE TABLE IF NOT EXISTS seedvr_meta (version int NOT NULL, id text NOT NULL, secret text NOT NULL);
CREATE TABLE IF NOT EXISTS seedvr_board (
  key text PRIMARY KEY, rev bigint NOT NULL, state text NOT NULL, run text NOT NULL, claim text NOT NULL,
  gateway text NOT NULL, price bigint NOT NULL, request_id text, facts jsonb NOT NULL,
  changed timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX IF NOT EXISTS seedvr_board_request ON seedvr_board (request_id);
CREATE TABLE IF NOT EXISTS seedvr_runs (run text PRIMARY KEY, until timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS seedvr_days (
  gateway text, day date, spent bigint NOT NULL, PRIMARY KEY (gateway, day));
CREATE TABLE IF NOT EXISTS seedvr_tags (
  gateway text, tag text, spent bigint NOT NULL, PRIMARY KEY (gateway, tag));
CREATE TABLE IF NOT EXISTS seedvr_rates (gateway text PRIMARY KEY, free timestamptz NOT NULL);
INSERT INTO seedvr_meta
  SELECT 1, gen_random_uuid()::text, gen_random_uuid()::text || gen_random_uuid()::text
  WHERE NOT EXISTS (SELECT 1 FROM seedvr_meta)
"""
# Whether there are tables, and whether the one for tags, which came later, is to be written to.
FIND_TABLES: LiteralString = (
    "SELECT to_regclass('seedvr_meta') IS NOT NULL, coalesce(has_table_privilege("
    "to_regclass('seedvr_tags'), 'SELECT') AND has_table_privilege(to_regclass('seedvr_tags'), 'INSERT')"
    " AND has_table_privilege(to_regclass('seedvr_tags'), 'UPDATE'), false)"
)
META: LiteralString = "SELECT version, id, secret FROM seedvr_meta"
# Any number that all who make the tables agree on.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(7331786)"
_COLUMNS: LiteralString = "key, rev, state, run, claim, gateway, price, request_id, facts"
_NEW: LiteralString = (
    "unnest(%(key)s::text[], %(rev)s::bigint[], %(state)s::text[], %(run)s::text[], %(claim)s::text[],"
    " %(gateway)s::text[], %(price)s::bigint[], %(request_id)s::text[], %(facts)s::text[])"
    " AS n (key, rev, state, run, claim, gateway, price, request_id, facts)"
)
# Durable when it is answered, whatever the server's or the pooler's default is: nothing is kept in a session.
_DURABLE: LiteralString = "(SELECT set_config('synchronous_commit', 'on', true) AS word) AS durable"
INSERT: LiteralString = (  # of our own words alone, as are the other statements
    f"INSERT INTO seedvr_board ({_COLUMNS})"  # noqa: S608
    " SELECT n.key, 1, n.state, n.run, n.claim, n.gateway, n.price, n.request_id,"
    f" n.facts::jsonb FROM {_NEW} CROSS JOIN {_DURABLE} WHERE durable.word = 'on'"
    " ORDER BY n.key ON CONFLICT (key) DO NOTHING RETURNING key"
)
UPDATE: LiteralString = (
    f"WITH n AS (SELECT n.* FROM {_NEW} CROSS JOIN {_DURABLE} WHERE durable.word = 'on'),"  # noqa: S608
    " held AS (SELECT b.key FROM seedvr_board b JOIN n ON n.key = b.key AND n.rev = b.rev ORDER BY b.key"
    " FOR UPDATE OF b)"
    " UPDATE seedvr_board b SET rev = b.rev + 1, state = n.state, run = n.run, claim = n.claim, price = n.price,"
    " request_id = n.request_id, facts = n.facts::jsonb, changed = clock_timestamp()"
    " FROM n JOIN held ON held.key = n.key WHERE b.key = n.key AND b.rev = n.rev RETURNING b.key"
)
LOOK: LiteralString = f"SELECT {_COLUMNS} FROM seedvr_board WHERE key = ANY(%s)"  # noqa: S608
FIND: LiteralString = f"SELECT {_COLUMNS} FROM seedvr_board WHERE request_id = %s AND gateway = %s LIMIT 1"  # noqa: S608
PAGE: LiteralString = f"SELECT {_COLUMNS} FROM seedvr_board WHERE key > %s ORDER BY key LIMIT 1000"  # noqa: S608
COUNT: LiteralString = "SELECT state, count(*) FROM seedvr_board GROUP BY state ORDER BY state"
_TODAY: LiteralString = "(clock_timestamp() AT TIME ZONE 'UTC')::date"
# Only the row of today grows, and whoever draws holds it: the sum of the days before it grows no more.
DRAW: LiteralString = (
    "WITH t AS (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS instant),"
    " m AS (SELECT coalesce(sum(s.spent), 0) AS spent FROM seedvr_days s, t"
    " WHERE s.gateway = %(gateway)s AND s.day >= date_trunc('month', t.instant) AND s.day < t.instant::date)"
    " INSERT INTO seedvr_days AS d (gateway, day, spent)"
    " SELECT %(gateway)s, t.instant::date, %(amount)s::bigint FROM t, m"
    " WHERE %(amount)s <= %(cap)s AND m.spent + %(amount)s <= %(month_cap)s"
    " ON CONFLICT (gateway, day) DO UPDATE SET spent = d.spent + %(amount)s"
    " WHERE d.spent + %(amount)s <= %(cap)s"
    " AND (SELECT m.spent FROM m) + d.spent + %(amount)s <= %(month_cap)s RETURNING (SELECT t.instant FROM t)"
)
DRAW_TAG: LiteralString = (
    "INSERT INTO seedvr_tags AS d (gateway, tag, spent)"
    " SELECT %(gateway)s, %(tag)s, %(amount)s::bigint WHERE %(amount)s <= %(cap)s"
    " ON CONFLICT (gateway, tag) DO UPDATE SET spent = d.spent + %(amount)s"
    " WHERE d.spent + %(amount)s <= %(cap)s RETURNING spent"
)
GIVE_BACK: LiteralString = "UPDATE seedvr_days SET spent = greatest(spent - %s, 0) WHERE gateway = %s AND day = %s"
GIVE_BACK_TAG: LiteralString = "UPDATE seedvr_tags SET spent = greatest(spent - %s, 0) WHERE gateway = %s AND tag = %s"
SPENT: LiteralString = (
    "SELECT coalesce(sum(spent), 0) FROM seedvr_days WHERE gateway = %s AND day >= date_trunc(%s,"  # noqa: S608
    f" {_TODAY})"
)
SPENT_TAG: LiteralString = "SELECT coalesce(sum(spent), 0) FROM seedvr_tags WHERE gateway = %s AND tag = %s"
BEAT: LiteralString = (
    "INSERT INTO seedvr_runs VALUES (%s, clock_timestamp() + make_interval(secs => %s))"
    " ON CONFLICT (run) DO UPDATE SET until = excluded.until"
)
REST: LiteralString = "DELETE FROM seedvr_runs WHERE run = %s"
IS_ALIVE: LiteralString = "SELECT 1 FROM seedvr_runs WHERE run = %s AND until > clock_timestamp()"
SLOTS: LiteralString = (
    "INSERT INTO seedvr_rates AS r VALUES (%(gateway)s, clock_timestamp() + make_interval(secs => %(seconds)s))"
    " ON CONFLICT (gateway) DO UPDATE"
    " SET free = greatest(r.free, clock_timestamp()) + make_interval(secs => %(seconds)s)"
    " RETURNING extract(epoch FROM free - clock_timestamp())::float"
)
