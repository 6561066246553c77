"""Teams, tokens, the audit log, webhooks, code bundles, and whose study is whose"""

import time

import sqlalchemy as sa
from alembic import op

from caviar.adapters.sql.tables import triggers_of

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("studies") as table:
        table.add_column(
            sa.Column("team", sa.String(length=32), nullable=False, server_default="default")
        )
        table.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(
            sa.Column("place", sa.String(length=8), nullable=False, server_default="normal")
        )
        table.add_column(
            sa.Column("shared", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("bundle", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_studies_team_created"), "studies", ["team", "created"])
    op.create_index(op.f("ix_attempts_ended"), "attempts", ["ended"])
    with op.batch_alter_table("trials") as trials:
        trials.add_column(sa.Column("changed", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE trials SET changed = number + 1")
    op.create_index(op.f("ix_trials_study_id_changed"), "trials", ["study_id", "changed"])
    teams = op.create_table(
        "teams",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("quota", sa.JSON(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_teams")),
    )
    op.bulk_insert(teams, [{"name": "default", "weight": 1.0, "quota": {}, "created": time.time()}])
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("team", sa.String(length=32), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=True),
        sa.Column("revoked", sa.Float(), nullable=True),
        sa.Column("used", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["team"], ["teams.name"], name=op.f("fk_tokens_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("token", sa.String(length=16), nullable=False),
        sa.Column("team", sa.String(length=32), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=128), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_team_id"), "audit", ["team", "id"])
    op.create_table(
        "answers",
        sa.Column("token", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("token", "key", name=op.f("pk_answers")),
    )
    op.create_index(op.f("ix_answers_created"), "answers", ["created"])
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("team", sa.String(length=32), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=128), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["team"], ["teams.name"], name=op.f("fk_webhooks_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("webhook", sa.String(length=16), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("due", sa.Float(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("delivered", sa.Float(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["webhook"], ["webhooks.id"], name=op.f("fk_deliveries_webhook")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "webhook", "event", "key", name=op.f("uq_deliveries_webhook_event_key")
        ),
    )
    op.create_index(op.f("ix_deliveries_due"), "deliveries", ["due"])
    op.create_table(
        "bundles",
        sa.Column("team", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["team"], ["teams.name"], name=op.f("fk_bundles_team")),
        sa.PrimaryKeyConstraint("team", "digest", name=op.f("pk_bundles")),
    )
    for statement in triggers_of(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for table in ("bundles", "deliveries", "webhooks", "answers", "audit", "tokens", "teams"):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_is_append_only()")
    op.drop_index(op.f("ix_trials_study_id_changed"), table_name="trials")
    with op.batch_alter_table("trials") as trials:
        trials.drop_column("changed")
    op.drop_index(op.f("ix_attempts_ended"), table_name="attempts")
    op.drop_index(op.f("ix_studies_team_created"), table_name="studies")
    with op.batch_alter_table("studies") as studies:
        for column in ("bundle", "shared", "place", "priority", "team"):
            studies.drop_column(column)
