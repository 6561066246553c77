"""Indexes for studies of many trials"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

DONE = sa.text("state = 'done'")


def upgrade() -> None:
    op.drop_index(op.f("ix_trials_state"), table_name="trials")
    op.create_index(
        op.f("ix_trials_study_id_state_number"), "trials", ["study_id", "state", "number"]
    )
    op.create_index(
        "ix_trials_best",
        "trials",
        ["study_id", "value"],
        sqlite_where=DONE,
        postgresql_where=DONE,
    )
    op.create_index(op.f("ix_trials_study_id_ended"), "trials", ["study_id", "ended"])
    op.create_index(
        op.f("ix_trials_study_id_shipped_ended"), "trials", ["study_id", "shipped", "ended"]
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_trials_study_id_shipped_ended"), table_name="trials")
    op.drop_index(op.f("ix_trials_study_id_ended"), table_name="trials")
    op.drop_index("ix_trials_best", table_name="trials")
    op.drop_index(op.f("ix_trials_study_id_state_number"), table_name="trials")
    op.create_index(op.f("ix_trials_state"), "trials", ["state"])
