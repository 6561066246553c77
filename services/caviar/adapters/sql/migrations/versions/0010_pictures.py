"""Pictures of a study with many trials: its course from an index alone, and where each round begins"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_trials_study_id_ended", "trials")
    ended = sa.text("ended IS NOT NULL")
    op.create_index(
        "ix_trials_course",
        "trials",
        ["study_id", "ended", "number", "state", "kind", "value", "violation", "seconds"],
        sqlite_where=ended,
        postgresql_where=ended,
    )
    op.create_index(
        op.f("ix_trials_study_id_round_number"), "trials", ["study_id", "round", "number"]
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_trials_study_id_round_number"), "trials")
    op.drop_index("ix_trials_course", "trials")
    op.create_index(op.f("ix_trials_study_id_ended"), "trials", ["study_id", "ended"])
