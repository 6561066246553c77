"""What the search learns from: kinds of trials, curves, bounds, results from elsewhere, branches"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("studies") as table:
        table.add_column(
            sa.Column("primed", sa.Boolean(), nullable=False, server_default=sa.true())
        )
        table.add_column(sa.Column("branched_from", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("branched_round", sa.Integer(), nullable=True))
        table.add_column(sa.Column("notes", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("trials") as table:
        table.add_column(
            sa.Column("kind", sa.String(length=16), nullable=False, server_default="search")
        )
        table.add_column(sa.Column("repeats", sa.Integer(), nullable=True))
        table.add_column(sa.Column("violation", sa.Float(), nullable=False, server_default="0"))
        table.add_column(sa.Column("curve", sa.JSON(), nullable=False, server_default="[]"))
    op.create_table(
        "priors",
        sa.Column("study_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_priors_study_id")),
        sa.PrimaryKeyConstraint("study_id", "number", name=op.f("pk_priors")),
    )


def downgrade() -> None:
    op.drop_table("priors")
    with op.batch_alter_table("trials") as table:
        for column in ("curve", "violation", "repeats", "kind"):
            table.drop_column(column)
    with op.batch_alter_table("studies") as table:
        for column in ("notes", "branched_round", "branched_from", "primed"):
            table.drop_column(column)
