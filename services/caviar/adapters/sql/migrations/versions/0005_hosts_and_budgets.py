"""Hosts that are set aside, what attempts cost, GPUs, and trials that somebody asked to stop"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("trials") as table:
        table.add_column(
            sa.Column("stop_asked", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("gpu", sa.String(length=128), nullable=True))
    with op.batch_alter_table("attempts") as table:
        table.add_column(sa.Column("seconds", sa.Float(), nullable=True))
        table.add_column(sa.Column("gpus", sa.Float(), nullable=False, server_default="0"))
    op.create_table(
        "hosts",
        sa.Column("host", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_hosts")),
    )


def downgrade() -> None:
    op.drop_table("hosts")
    with op.batch_alter_table("attempts") as table:
        for column in ("gpus", "seconds"):
            table.drop_column(column)
    with op.batch_alter_table("trials") as table:
        for column in ("gpu", "stop_asked"):
            table.drop_column(column)
