"""What alembic runs: on the connection that gateway.migrate opened, inside its transaction."""

from __future__ import annotations

from alembic import context

from kernel.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
