"""Classes, their learners, and what proves who somebody is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "classes",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("code", sa.String(16), unique=True, nullable=False),
        sa.Column("secret_hash", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("began_at", sa.Float, nullable=False),
        sa.Column("ends_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
    )
    of_class = sa.ForeignKey("classes.id", ondelete="CASCADE")
    op.create_table(
        "learners",
        sa.Column("space", sa.String(32), primary_key=True),
        sa.Column("class_id", sa.String(32), of_class, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("joined_at", sa.Float, nullable=False),
        sa.UniqueConstraint("class_id", "name_key", name="uq_learners_class_id_name_key"),
    )
    op.create_table(
        "tickets",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column(
            "class_id",
            sa.String(32),
            sa.ForeignKey("classes.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("space", sa.String(32), sa.ForeignKey("learners.space", ondelete="CASCADE")),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    for table, column in (
        ("learners", "class_id"),
        ("tickets", "class_id"),
        ("tickets", "space"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])
