"""Imports and exports."""

from apps.imports.models import ExportJob, ImportChange, ImportJob, RefusedRow
from cxm.ids import uuid7
from tests.factories.registry import factory


@factory(ImportJob)
def an_import() -> ImportJob:
    return ImportJob.objects.create(kind="customers", filename="people.csv", file="none", state="done", rows=1)


@factory(RefusedRow)
def a_refused_row() -> RefusedRow:
    return RefusedRow.objects.create(job=an_import(), line=2, reason="There is no score.", cells=["x"])


@factory(ImportChange)
def an_import_change() -> ImportChange:
    return ImportChange.objects.create(job=an_import(), kind="customer", subject=uuid7())


@factory(ExportJob)
def an_export() -> ExportJob:
    return ExportJob.objects.create(kind="customers", format="csv", state="done", file="none")
