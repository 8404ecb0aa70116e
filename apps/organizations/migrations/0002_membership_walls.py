"""Walls of the two global tables that speak of organisations.

A person sees the own memberships before an organisation is chosen; an organisation sees and changes its members. Two
permissive policies are ORed, so neither may raise: nullif and not cxm_tenant(). The platform role may list the
organisations, to hand each its due work.
"""

from django.db import migrations

TENANT = "nullif(current_setting('cxm.tenant_id', true), '')::uuid"
USER = "nullif(current_setting('cxm.user_id', true), '')::uuid"

MEMBERSHIP = f"""
ALTER TABLE organizations_membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations_membership FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON organizations_membership FOR SELECT TO cxm_app USING (user_id = {USER});
CREATE POLICY of_tenant ON organizations_membership TO cxm_app
    USING (organization_id = {TENANT}) WITH CHECK (organization_id = {TENANT});
CREATE POLICY owner_all ON organizations_membership TO cxm_owner USING (true) WITH CHECK (true);
"""
NO_MEMBERSHIP = """
DROP POLICY owner_all ON organizations_membership;
DROP POLICY of_tenant ON organizations_membership;
DROP POLICY own ON organizations_membership;
ALTER TABLE organizations_membership NO FORCE ROW LEVEL SECURITY;
ALTER TABLE organizations_membership DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("organizations", "0001_initial")]
    operations = [
        migrations.RunSQL(MEMBERSHIP, NO_MEMBERSHIP),
        migrations.RunSQL(
            "GRANT SELECT ON organizations_organization TO cxm_platform",
            "REVOKE SELECT ON organizations_organization FROM cxm_platform",
        ),
    ]
