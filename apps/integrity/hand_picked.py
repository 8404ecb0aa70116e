"""Invitees chosen by hand against those that a segment, a plan or an event chose."""

from __future__ import annotations

from typing import Final

FEW: Final = 50
"""Customers in one sending that somebody can have picked one by one."""

HAND_PICKED_BATCHES: Final = f"""
    SELECT b.id AS batch_id, b.survey_id, b.created_by_id AS sender
      FROM dispatch_invitationbatch b
     WHERE b.tenant_id = %(tenant)s AND b.plan_id IS NULL AND b.created_by_id IS NOT NULL
       AND (SELECT count(*) FROM (SELECT 1 FROM dispatch_invitation v
             WHERE v.tenant_id = b.tenant_id AND v.batch_id = b.id LIMIT {FEW + 1}) few) <= {FEW}
"""
"""Sendings by a person (not by a key of another system), without a plan, to few customers. More may follow with AND."""
