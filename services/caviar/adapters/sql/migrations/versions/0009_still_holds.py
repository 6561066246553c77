"""Champions, and the checks whether they still hold"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rechecks",
        sa.Column("study_id", sa.String(length=64), nullable=False),
        sa.Column("policy", sa.JSON()),
        sa.Column("secret", sa.String(length=128)),
        sa.Column("next_due", sa.Float()),
        sa.Column("data_version", sa.String(length=200)),
        sa.Column("code_version", sa.String(length=200)),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("written", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_rechecks_study_id")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_rechecks")),
    )
    op.create_table(
        "champions",
        sa.Column("study_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("found_in", sa.String(length=64), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=64)),
        sa.Column("value", sa.Float()),
        sa.Column("low", sa.Float()),
        sa.Column("high", sa.Float()),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("data_version", sa.String(length=200)),
        sa.Column("code_version", sa.String(length=200)),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("decided", sa.Float()),
        sa.Column("by", sa.String(length=255), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("check_number", sa.Integer()),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_champions_study_id")),
        sa.PrimaryKeyConstraint("study_id", "number", name=op.f("pk_champions")),
        sa.UniqueConstraint(
            "study_id", "found_in", "trial", name=op.f("uq_champions_study_id_found_in_trial")
        ),
    )
    champion = sa.text("state = 'champion'")
    op.create_index(
        "ix_champions_one",
        "champions",
        ["study_id"],
        unique=True,
        sqlite_where=champion,
        postgresql_where=champion,
    )
    op.create_table(
        "checks",
        sa.Column("study_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("causes", sa.JSON(), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=255), nullable=False),
        sa.Column("champion", sa.Integer(), nullable=False),
        sa.Column("data_version", sa.String(length=200)),
        sa.Column("code_version", sa.String(length=200)),
        sa.Column("bundle", sa.String(length=64)),
        sa.Column("asked", sa.Float(), nullable=False),
        sa.Column("started", sa.Float()),
        sa.Column("ended", sa.Float()),
        sa.Column("check_study", sa.String(length=64)),
        sa.Column("waits", sa.Text(), nullable=False),
        sa.Column("verdict", sa.JSON()),
        sa.Column("retuned", sa.String(length=64)),
        sa.Column("retuning", sa.String(length=16)),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_checks_study_id")),
        sa.PrimaryKeyConstraint("study_id", "number", name=op.f("pk_checks")),
    )
    for column in ("state", "retuning", "check_study", "retuned"):
        op.create_index(op.f(f"ix_checks_{column}"), "checks", [column])


def downgrade() -> None:
    for table in ("checks", "champions", "rechecks"):
        op.drop_table(table)
