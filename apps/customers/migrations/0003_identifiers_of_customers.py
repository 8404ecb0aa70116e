"""Identifiers and accounts of the customers that were there before either had rows of its own."""

from django.db import migrations

# Whoever was made first owns an address that several have: the rule of identity.py for what was known before it.
IDENTIFIERS_OF_CUSTOMERS = """
INSERT INTO customers_customeridentifier
    (tenant_id, id, kind, value, customer_id, claimed_by, claimed_at, traits, created_at)
SELECT DISTINCT ON (tenant_id, kind, value)
    tenant_id, gen_random_uuid(), kind, value, customer,
    CASE WHEN external_id IS NULL THEN '' ELSE 'user_id:' || external_id END,
    CASE WHEN external_id IS NULL THEN NULL ELSE made_at END, '{}', made_at
FROM (
    SELECT tenant_id, 'email' AS kind, email AS value, id AS customer, external_id, created_at AS made_at
    FROM customers_customer WHERE email IS NOT NULL
    UNION ALL
    SELECT tenant_id, 'phone', phone, id, external_id, created_at FROM customers_customer WHERE phone IS NOT NULL
) AS named
ORDER BY tenant_id, kind, value, external_id IS NULL, named.made_at, named.customer
"""
ACCOUNTS_OF_CUSTOMERS = """
INSERT INTO customers_account (tenant_id, id, key, name, attributes, said_at, created_at, updated_at)
SELECT tenant_id, gen_random_uuid(), account, account, '{}', '{}', min(created_at), now()
FROM customers_customer WHERE account <> '' GROUP BY tenant_id, account
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_identity")]

    operations = [
        migrations.RunSQL(IDENTIFIERS_OF_CUSTOMERS, migrations.RunSQL.noop),
        migrations.RunSQL(ACCOUNTS_OF_CUSTOMERS, migrations.RunSQL.noop),
    ]
