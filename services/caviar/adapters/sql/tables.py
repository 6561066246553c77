"""The tables. A change here needs a migration in ``migrations/versions``; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
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
    Index(None, "fingerprint"),
    Index(None, "state"),
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
    UniqueConstraint("study_id", "number"),
    # Counts are read from an index alone; the best, the newest failures and what is not shipped from its first entries.
    Index(None, "study_id", "state", "number"),
    Index("ix_trials_best", "study_id", "value", sqlite_where=DONE, postgresql_where=DONE),
    Index(None, "study_id", "ended"),
    Index(None, "study_id", "shipped", "ended"),
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
)

hosts = Table(
    "hosts",
    metadata,
    Column("host", String(128), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Float, nullable=False),
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
