"""The function behind every wall: which organisation is this statement for?"""

from django.db import migrations

CREATE = """
CREATE FUNCTION cxm_tenant() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    announced text := current_setting('cxm.tenant_id', true);
BEGIN
    IF announced IS NULL OR announced = '' THEN
        RAISE EXCEPTION 'no tenant set (cxm.tenant_id)' USING ERRCODE = 'CX001';
    END IF;
    RETURN announced::uuid;
END $$
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []  # noqa: RUF012
    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION cxm_tenant()")]
