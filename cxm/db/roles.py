"""The names of the database roles (docs/tenancy.md): who owns the tables, who serves requests, who sees what is due."""

OWNER = "cxm_owner"
APP = "cxm_app"
PLATFORM = "cxm_platform"
BACKUP = "cxm_backup"
