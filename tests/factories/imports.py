"""Imports and exports."""

from apps.imports.models import ExportJob, ImportJob, RefusedRow
from tests.factories.registry import factory


@factory(ImportJob)
def an_import() -> ImportJob:
    return ImportJob.objects.create(kind="customers", filename="people.csv", file="none", state="done", rows=1)


@factory(RefusedRow)
def a_refused_row() -> RefusedRow:
    return RefusedRow.objects.create(job=an_import(), line=2, reason="There is no score.", cells=["x"])


@factory(ExportJob)
def an_export() -> ExportJob:
    return ExportJob.objects.create(kind="customers", format="csv", state="done", file="none")
