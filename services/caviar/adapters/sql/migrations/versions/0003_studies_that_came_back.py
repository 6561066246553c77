"""How many times a study came back from MLflow"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("studies") as table:
        table.add_column(sa.Column("rebuilt", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("studies") as table:
        table.drop_column("rebuilt")
