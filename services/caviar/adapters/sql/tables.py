"""The tables. A change here needs a migration in ``migrations/versions``; a test compares the two."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

DONE = text("state = 'done'")
"""Written out: with a bound value a partial index would not be found."""
CHAMPION = text("state = 'champion'")
HAS_ENDED = text("ended IS NOT NULL")


def one_of(words: Iterable[str]) -> list[ColumnElement[str]]:
    """Words of this program for an IN, written out: bound values would be expanded anew at each run."""
    words = sorted(words)
    assert all(word.isidentifier() for word in words)
    return [literal_column(f"'{word}'", String) for word in words]


studies = Table(
    "studies",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("source", Text, nullable=False),
    Column("filename", String(255), nullable=False),
    Column("folder", Text),
    Column("code_version", String(255)),
    Column("user", String(255)),
    Column("created", Float, nullable=False),
    Column("ended", Float),
    Column("importance", JSON),
    Column("experiment_id", String(64)),
    Column("run_id", String(64)),
    Column("closed", Boolean, nullable=False, default=False),
    Column("primed", Boolean, nullable=False, default=True),
    Column("branched_from", String(64)),
    Column("branched_round", Integer),
    Column("notes", JSON, nullable=False, default=list),
    Column("rebuilt", Integer, nullable=False, default=0),
    Column("team", String(32), nullable=False, default="default"),
    Column("priority", Integer, nullable=False, default=0),
    Column("place", String(8), nullable=False, default="normal"),
    Column("shared", Boolean, nullable=False, default=False),
    Column("bundle", String(64)),
    Index(None, "fingerprint"),
    Index(None, "state"),
    Index(None, "team", "created"),
)

trials = Table(
    "trials",
    metadata,
    Column("id", String(96), primary_key=True),
    Column("study_id", String(64), ForeignKey("studies.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("crashes", Integer, nullable=False, default=0),
    Column("lost", Integer, nullable=False, default=0),
    Column("params", JSON, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("value", Float),
    Column("metrics", JSON, nullable=False, default=dict),
    Column("steps", Integer, nullable=False, default=0),
    Column("nonce", String(64)),
    Column("host", String(128)),
    Column("incarnation", String(64)),
    Column("slot", Integer),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Column("seconds", Float),
    Column("error", Text, nullable=False, default=""),
    Column("output", Text, nullable=False, default=""),
    Column("run_id", String(64)),
    Column("shipped", Boolean, nullable=False, default=False),
    Column("kind", String(16), nullable=False, default="search"),
    Column("repeats", Integer),
    Column("violation", Float, nullable=False, default=0.0),
    Column("curve", JSON, nullable=False, default=list),
    Column("stop_asked", Boolean, nullable=False, default=False),
    Column("gpu", String(128)),
    Column("changed", Integer, nullable=False, default=0),
    Column("origin", JSON),
    Column("touched", Boolean, nullable=False, default=False),
    UniqueConstraint("study_id", "number"),
    # Counts are read from an index alone; the best, the newest failures and what is not shipped from its first entries.
    Index(None, "study_id", "state", "number"),
    Index("ix_trials_best", "study_id", "value", sqlite_where=DONE, postgresql_where=DONE),
    # The course of a study is read from this index alone, in the order of its ends. What a trial goes through before
    # its end does not touch it, and no other query takes it for one by state.
    Index(
        "ix_trials_course",
        *("study_id", "ended", "number", "state", "kind", "value", "violation", "seconds"),
        sqlite_where=HAS_ENDED,
        postgresql_where=HAS_ENDED,
    ),
    Index(None, "study_id", "round", "number"),
    Index(None, "study_id", "shipped", "ended"),
    Index(None, "study_id", "changed"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("trial_id", String(96), ForeignKey("trials.id"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("host", String(128)),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("outcome", String(16)),
    Column("detail", Text, nullable=False, default=""),
    Column("seconds", Float),
    Column("gpus", Float, nullable=False, default=0.0),
    Index(None, "ended"),
)

interventions = Table(
    "interventions",
    metadata,
    Column("trial_id", String(96), ForeignKey("trials.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("study_id", String(64), ForeignKey("studies.id"), nullable=False),
    Column("trial", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("parameter", String(100)),
    Column("before", JSON),
    Column("value", JSON),
    Column("params", JSON, nullable=False, default=dict),
    Column("step", BigInteger),
    Column("wanted_step", BigInteger),
    Column("steps", BigInteger),
    Column("in_place", Boolean, nullable=False, default=False),
    Column("keep", String(8), nullable=False, default="ask"),
    Column("by", String(255), nullable=False),
    Column("why", Text, nullable=False, default=""),
    Column("asked", Float, nullable=False),
    Column("answered", Float),
    Column("reason", Text, nullable=False, default=""),
    Column("child", Integer),
    Column("effect", JSON),
    Index(None, "study_id", "state"),
)

nurses = Table(
    "nurses",
    metadata,
    Column("study_id", String(64), ForeignKey("studies.id"), primary_key=True),
    Column("on", Boolean, nullable=False, default=True),
    Column("memory", JSON),
)

# Whether a study's champion still holds. A JSON column that is None is NULL here, so that a query can ask for it.

rechecks = Table(
    "rechecks",
    metadata,
    Column("study_id", String(64), ForeignKey("studies.id"), primary_key=True),
    Column("policy", JSON(none_as_null=True)),
    Column("secret", String(128)),
    Column("next_due", Float),
    Column("data_version", String(200)),
    Column("code_version", String(200)),
    Column("changed", Integer, nullable=False, default=0),
    Column("written", Integer, nullable=False, default=0),
)

champions = Table(
    "champions",
    metadata,
    Column("study_id", String(64), ForeignKey("studies.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("params", JSON, nullable=False),
    Column("found_in", String(64), nullable=False),
    Column("trial", Integer, nullable=False),
    Column("run_id", String(64)),
    Column("value", Float),
    Column("low", Float),
    Column("high", Float),
    Column("runs", Integer, nullable=False, default=1),
    Column("data_version", String(200)),
    Column("code_version", String(200)),
    Column("created", Float, nullable=False),
    Column("decided", Float),
    Column("by", String(255), nullable=False, default=""),
    Column("why", Text, nullable=False, default=""),
    Column("check_number", Integer),
    UniqueConstraint("study_id", "found_in", "trial"),
    Index(
        "ix_champions_one",
        "study_id",
        unique=True,
        sqlite_where=CHAMPION,
        postgresql_where=CHAMPION,
    ),
)

checks = Table(
    "checks",
    metadata,
    Column("study_id", String(64), ForeignKey("studies.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("causes", JSON, nullable=False),
    Column("keys", JSON, nullable=False, default=list),
    Column("why", Text, nullable=False, default=""),
    Column("by", String(255), nullable=False, default=""),
    Column("champion", Integer, nullable=False),
    Column("data_version", String(200)),
    Column("code_version", String(200)),
    Column("bundle", String(64)),
    Column("asked", Float, nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Column("check_study", String(64)),
    Column("waits", Text, nullable=False, default=""),
    Column("verdict", JSON(none_as_null=True)),
    Column("retuned", String(64)),
    Column("retuning", String(16)),
    Index(None, "state"),
    Index(None, "retuning"),
    Index(None, "check_study"),
    Index(None, "retuned"),
)

hosts = Table(
    "hosts",
    metadata,
    Column("host", String(128), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Float, nullable=False),
)

drained = Table(
    "drained",
    metadata,
    Column("host", String(128), primary_key=True),
    Column("since", Float, nullable=False),
    Column("now", Boolean, nullable=False),
)

priors = Table(
    "priors",
    metadata,
    Column("study_id", String(64), ForeignKey("studies.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("source", String(255), nullable=False),
    Column("params", JSON, nullable=False),
    Column("value", Float, nullable=False),
)

rounds = Table(
    "rounds",
    metadata,
    Column("study_id", String(64), ForeignKey("studies.id"), primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("data", JSON, nullable=False),
    Column("computed_from", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("run_id", String(64)),
)

teams = Table(
    "teams",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("weight", Float, nullable=False, default=1.0),
    Column("quota", JSON, nullable=False, default=dict),
    Column("created", Float, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("team", String(32), ForeignKey("teams.name")),
    Column("digest", String(64), nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("revoked", Float),
    Column("used", Float),
)

# Nothing changes or removes a line: see triggers_of.
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("token", String(16), nullable=False),
    Column("team", String(32)),
    Column("address", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("target", String(128), nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Index(None, "team", "id"),
)

answers = Table(
    "answers",
    metadata,
    Column("token", String(16), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("request", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created", Float, nullable=False),
    Index(None, "created"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("team", String(32), ForeignKey("teams.name"), nullable=False),
    Column("url", Text, nullable=False),
    Column("secret", String(128), nullable=False),
    Column("events", JSON, nullable=False),
    Column("created", Float, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("webhook", String(16), ForeignKey("webhooks.id"), nullable=False),
    Column("event", String(32), nullable=False),
    Column("key", String(128), nullable=False),
    Column("body", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("due", Float),
    Column("tries", Integer, nullable=False, default=0),
    Column("delivered", Float),
    Column("error", Text, nullable=False, default=""),
    UniqueConstraint("webhook", "event", "key"),
    Index(None, "due"),
)

bundles = Table(
    "bundles",
    metadata,
    Column("team", String(32), ForeignKey("teams.name"), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("data", LargeBinary, nullable=False),
)


def triggers_of(dialect: str) -> list[str]:
    """The statements that keep the audit log append-only, whoever writes to the database."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON audit"
            " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
            for verb in ("update", "delete")
        ] + [
            # INSERT OR REPLACE removes a line without asking the trigger on DELETE.
            "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit"
            " WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)"
            " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        ]
    return [
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger AS"
        " $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END; $$ LANGUAGE plpgsql",
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
    ]
