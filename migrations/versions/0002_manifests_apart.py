"""Manifests apart from their batches, whose rows are written anew by every transaction of a run."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.sql.naming import conv

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BATCHES = sa.table("batches", sa.column("id"), sa.column("text"), sa.column("groups"))
MANIFESTS = sa.table("manifests", sa.column("batch_id"), sa.column("text"), sa.column("groups"))


def upgrade() -> None:
    op.create_table(
        "manifests",
        sa.Column("batch_id", KEY, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("groups", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name=conv("manifests_pk")),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=conv("manifests_batch_id_fk")),
    )
    moved = sa.select(BATCHES.c.id, BATCHES.c.text, BATCHES.c.groups)
    op.execute(sa.insert(MANIFESTS).from_select(["batch_id", "text", "groups"], moved))
    op.drop_column("batches", "text")
    op.drop_column("batches", "groups")


def downgrade() -> None:
    op.add_column("batches", sa.Column("text", sa.Text(), nullable=False, server_default=""))
    op.add_column("batches", sa.Column("groups", sa.LargeBinary(), nullable=False, server_default="[]"))
    for name in ("text", "groups"):
        told = sa.select(MANIFESTS.c[name]).where(MANIFESTS.c.batch_id == BATCHES.c.id).scalar_subquery()
        op.execute(sa.update(BATCHES).values({name: told}))
    op.drop_table("manifests")
