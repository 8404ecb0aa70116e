"""Files that respondents send: what is taken, what is kept of it, who may have it, and when it goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.timezone import now
from PIL import Image, PngImagePlugin
from rest_framework.test import APIClient

from apps.customers.holders import HOLDERS
from apps.organizations.models import Organization
from apps.organizations.services import create_api_key
from apps.surveys import services
from apps.surveys.definition import parse_definition
from apps.surveys.handlers import delete_stored_files
from apps.surveys.links import respondent_token
from apps.surveys.live import live_survey
from apps.surveys.models import Response, ResponseFile, ResponseRevision, Survey
from apps.surveys.uploads import UploadRefused, read_upload
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.dispatch import an_invitation
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
PHOTO = {
    "languages": ["en"],
    "pages": [
        {
            "id": "p1",
            "questions": [
                {"id": "score", "type": "nps", "required": True, "title": {"en": "Recommend?"}},
                {"id": "photo", "type": "file", "title": {"en": "A picture of it?"}, "max_mb": 1},
            ],
        }
    ],
}
PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


def a_picture(form: str = "PNG", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, "teal").save(out, form, **options)
    return out.getvalue()


def upload(data: bytes, name: str = "shelf.png", kind: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, kind)


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme")


@pytest.fixture
def survey(acme: Organization) -> Survey:
    with tenant(acme):
        return a_survey("custom", relationship=True, definition=PHOTO)


@pytest.fixture
def path(acme: Organization, survey: Survey) -> str:
    with tenant(acme):
        return f"/r/{respondent_token(acme.pk, an_invitation(survey).pk)}/"


@pytest.fixture
def inside(acme: Organization) -> Iterator[None]:
    with tenant(acme):
        yield


def the_only(acme: Organization) -> tuple[Response, ResponseFile]:
    with tenant(acme):
        return Response.objects.get(), ResponseFile.objects.get()


def test_a_picture_is_kept_as_nothing_but_its_pixels(client: Client, acme: Organization, path: str) -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "<script>alert(1)</script>")
    picture = a_picture(pnginfo=note) + b"<script>alert(1)</script>"
    assert 'enctype="multipart/form-data"' in client.get(path).content.decode()
    assert client.post(path, {"q-score": "9", "q-photo": upload(picture)}).status_code == 303
    answer, file = the_only(acme)
    assert answer.answers == {"score": 9, "photo": str(file.pk)}
    assert (file.response_id, file.question, file.name, file.content_type) == (
        answer.pk,
        "photo",
        "shelf.jpg",
        "image/jpeg",
    )
    stored = default_storage.open(file.path).read()
    assert b"script" not in stored
    assert Image.open(BytesIO(stored)).size == (40, 30)
    assert "shelf" not in file.path
    assert file.path.startswith(f"{acme.pk}/answers/")


def test_a_place_in_a_photograph_is_not_kept(acme: Organization, path: str, client: Client) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera of Lena's"
    client.post(path, {"q-score": "9", "q-photo": upload(a_picture("JPEG", exif=exif), "x.jpg")})
    _answer, file = the_only(acme)
    assert not Image.open(default_storage.open(file.path)).getexif()


def test_a_pdf_is_kept_as_it_is(client: Client, acme: Organization, path: str) -> None:
    client.post(path, {"q-score": "9", "q-photo": upload(PDF, "../../etc/Bill 1.PDF", "text/html")})
    _answer, file = the_only(acme)
    assert (file.name, file.content_type) == ("Bill 1.pdf", "application/pdf")
    assert default_storage.open(file.path).read() == PDF


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"#!/bin/sh\nrm -rf /",
        b"MZ\x90\x00",
        b"PK\x03\x04" + b"\x00" * 100,
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 200,
        b"GIF89a/*<script>*/=1;",
        a_picture("BMP"),
        a_picture("TIFF"),
        a_picture()[:-40][:60],
        b"%PDF-1.7 cut off",
        b"%PDF-1.7\n%%EOF" + b"\x00" * 4096,
        b"GIF89a" + b"\xff\xff\xff\xff" + b"\x00" * 100,
    ],
)
@pytest.mark.parametrize("name", ["shelf.png", "x.pdf\x00.html", "\ud800" * 3, "a" * 5000 + ".jpg"])
def test_what_is_neither_picture_nor_pdf_is_refused(data: bytes, name: str) -> None:
    question = parse_definition(PHOTO).questions["photo"]
    with pytest.raises(UploadRefused) as refused:
        read_upload(BytesIO(data), name, question)
    assert refused.value.problem.code in ("file_unreadable", "file_kind", "file_pixels")


def test_a_bomb_of_pixels_is_refused_before_it_unfolds() -> None:
    question = parse_definition(PHOTO).questions["photo"]
    bomb = BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 100_000
    with pytest.raises(UploadRefused) as refused:
        read_upload(BytesIO(bomb.getvalue()), "bomb.png", question)
    assert refused.value.problem.code == "file_pixels"


def test_a_refused_file_is_explained_and_the_rest_stays(client: Client, acme: Organization, path: str) -> None:
    for data, words in ((b"#!/bin/sh", "cannot be read"), (b"x" * (1024 * 1024 + 1), "at most 1 MB")):
        response = client.post(path, {"q-score": "4", "q-photo": upload(data)})
        html = response.content.decode()
        assert response.status_code == 422
        assert words in html
        assert 'href="#q-photo"' in html
        assert re.search(r'value="4"[^>]* checked', html)
    with tenant(acme):
        assert not Response.objects.exists()
        assert not ResponseFile.objects.exists()


def test_a_body_larger_than_any_screen_is_refused_unread(client: Client, path: str) -> None:
    response = client.post(path, {"q-score": "4"}, CONTENT_LENGTH=str(31 * 1024 * 1024))
    assert response.status_code == 413
    assert "too much at once" in response.content.decode()


def test_a_file_need_not_be_chosen_again_after_a_mistake(client: Client, acme: Organization, path: str) -> None:
    html = client.post(path, {"q-photo": upload(a_picture())}).content.decode()
    assert "shelf.jpg" in html
    kept = re.search(r'name="q-photo.kept" value="([^"]+)"', html)
    assert kept
    client.post(path, {"q-score": "8", "q-photo.kept": kept[1]})
    answer, file = the_only(acme)
    assert answer.answers["photo"] == str(file.pk) == kept[1]
    client.post(path, {"q-score": "8", "q-photo.kept": kept[1], "q-photo.remove": "1"})
    with tenant(acme):
        assert "photo" not in Response.objects.get().answers
        assert ResponseRevision.objects.get().answers["photo"] == kept[1]


def test_somebody_elses_file_is_not_taken(client: Client, acme: Organization, survey: Survey, path: str) -> None:
    client.post(path, {"q-score": "9", "q-photo": upload(a_picture())})
    _answer, file = the_only(acme)
    with tenant(acme):
        other = f"/r/{respondent_token(acme.pk, an_invitation(survey).pk)}/"
    for stolen in (str(file.pk), str(survey.pk), "nonsense"):
        response = client.post(other, {"q-score": "9", "q-photo.kept": stolen})
        assert response.status_code == 422
        assert 'href="#q-photo"' in response.content.decode()
    with tenant(acme):
        assert Response.objects.count() == 1


def test_the_api_takes_a_file_and_then_the_answer_that_names_it(acme: Organization, survey: Survey) -> None:
    with tenant(acme):
        key = create_api_key(actor=SYSTEM, name="Till")[1]
        other = a_survey("custom", definition=PHOTO)
    api = APIClient(headers={"Authorization": f"Bearer {key}"})
    root = f"/api/v1/surveys/{survey.pk}/"
    sent = api.post(f"{root}files/", {"file": upload(a_picture()), "question": "photo"}, format="multipart")
    assert sent.status_code == 201, sent.content
    body = {"answers": {"score": 9, "photo": sent.json()["id"]}, "source_id": "1"}
    elsewhere = api.post(f"/api/v1/surveys/{other.pk}/responses/", body, format="json")
    assert elsewhere.json()["errors"][0]["field"] == "answers.photo"
    assert api.post(f"{root}responses/", body, format="json").status_code == 201
    assert api.post(f"{root}responses/", body, format="json").status_code == 201
    many = api.post(f"{root}responses/", [body, {**body, "source_id": "2"}], format="json").json()
    assert many["accepted"] == 1
    assert [refused["index"] for refused in many["refused"]] == [1]
    for wrong in ({"question": "photo"}, {"file": upload(b"x"), "question": "photo"}, {"file": upload(PDF)}):
        refused = api.post(f"{root}files/", wrong, format="multipart")
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["field"] in ("file", "question")
    answer, file = the_only(acme)
    assert file.response_id == answer.pk


def test_a_file_is_handed_out_as_a_download_to_those_who_may_read_it(
    client: Client, acme: Organization, path: str
) -> None:
    client.post(path, {"q-score": "9", "q-photo": upload(a_picture())})
    answer, file = the_only(acme)
    address = f"/o/{acme.slug}/surveys/files/{file.pk}/"
    reader = signed_in(a_member(acme, "manager"))
    assert address in reader.get(f"/o/{acme.slug}/feedback/{answer.pk}/").content.decode()
    response = reader.get(address)
    assert response.status_code == 200
    assert response["Content-Disposition"] == 'attachment; filename="shelf.jpg"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert Image.open(BytesIO(b"".join(response.streaming_content))).size == (40, 30)  # type: ignore[attr-defined]
    assert signed_in(a_member(acme, "employee")).get(address).status_code == 403
    masked = signed_in(a_member(acme, "analyst"))
    assert "A file" in masked.get(f"/o/{acme.slug}/feedback/{answer.pk}/").content.decode()
    assert masked.get(address).status_code == 404
    other = an_organization("Other")
    assert signed_in(a_member(other, "owner")).get(f"/o/{other.slug}/surveys/files/{file.pk}/").status_code == 404


def test_files_that_were_never_sent_off_go_after_a_day(acme: Organization, survey: Survey, inside: None) -> None:
    live = live_survey(survey.pk)
    old, new = (
        services.keep_file(actor=SYSTEM, live=live, question_id="photo", file=BytesIO(PDF), name="a.pdf")
        for _ in range(2)
    )
    ResponseFile.objects.filter(pk=old.pk).update(created_at=now() - timedelta(hours=25))
    assert services.remove_loose_files() == 1
    assert list(ResponseFile.objects.values_list("pk", flat=True)) == [new.pk]
    delete_stored_files({"paths": [old.path]})
    assert not default_storage.exists(old.path)
    assert default_storage.exists(new.path)


def test_a_file_outside_of_the_organisation_is_never_deleted(acme: Organization, inside: None) -> None:
    outside = Path(settings.MEDIA_ROOT) / "somebody" / "answers" / "x.jpg"
    outside.parent.mkdir(parents=True, exist_ok=True)
    outside.write_bytes(b"x")
    delete_stored_files({"paths": ["somebody/answers/x.jpg"]})
    assert outside.exists()
    outside.unlink()


def test_erasing_a_person_takes_the_files_along_and_an_export_lists_them(
    client: Client, acme: Organization, path: str
) -> None:
    client.post(path, {"q-score": "9", "q-photo": upload(a_picture())})
    answer, _file = the_only(acme)
    with tenant(acme):
        assert answer.customer_id
        [exported] = HOLDERS["responses"].export(answer.customer_id)
        assert exported["files"][0]["name"] == "shelf.jpg"
        HOLDERS["responses"].erase(answer.customer_id)
        assert not ResponseFile.objects.exists()
        assert Response.objects.get().answers == {"score": 9}


def test_deleting_an_answer_deletes_its_file(client: Client, acme: Organization, path: str) -> None:
    client.post(path, {"q-score": "9", "q-photo": upload(a_picture())})
    answer, _file = the_only(acme)
    with tenant(acme):
        services.delete_response(actor=SYSTEM, response=answer)
        assert not ResponseFile.objects.exists()
