"""Trainings that are changed while they run"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("trials") as trials:
        trials.add_column(sa.Column("origin", sa.JSON()))
        trials.add_column(
            sa.Column("touched", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.create_table(
        "interventions",
        sa.Column("trial_id", sa.String(length=96), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.String(length=64), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("parameter", sa.String(length=100)),
        sa.Column("before", sa.JSON()),
        sa.Column("value", sa.JSON()),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("step", sa.BigInteger()),
        sa.Column("wanted_step", sa.BigInteger()),
        sa.Column("steps", sa.BigInteger()),
        sa.Column("in_place", sa.Boolean(), nullable=False),
        sa.Column("keep", sa.String(length=8), nullable=False),
        sa.Column("by", sa.String(length=255), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked", sa.Float(), nullable=False),
        sa.Column("answered", sa.Float()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("child", sa.Integer()),
        sa.Column("effect", sa.JSON()),
        sa.ForeignKeyConstraint(
            ["study_id"], ["studies.id"], name=op.f("fk_interventions_study_id_studies")
        ),
        sa.ForeignKeyConstraint(
            ["trial_id"], ["trials.id"], name=op.f("fk_interventions_trial_id_trials")
        ),
        sa.PrimaryKeyConstraint("trial_id", "number", name=op.f("pk_interventions")),
    )
    op.create_index(op.f("ix_interventions_study_id_state"), "interventions", ["study_id", "state"])
    op.create_table(
        "nurses",
        sa.Column("study_id", sa.String(length=64), nullable=False),
        sa.Column("on", sa.Boolean(), nullable=False),
        sa.Column("memory", sa.JSON()),
        sa.ForeignKeyConstraint(
            ["study_id"], ["studies.id"], name=op.f("fk_nurses_study_id_studies")
        ),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_nurses")),
    )


def downgrade() -> None:
    op.drop_table("nurses")
    op.drop_table("interventions")
    with op.batch_alter_table("trials") as trials:
        trials.drop_column("touched")
        trials.drop_column("origin")
