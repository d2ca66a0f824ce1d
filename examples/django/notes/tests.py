from django.contrib.auth import get_user_model
from rest_framework.test import APITestCase
from rest_framework_simplejwt.tokens import AccessToken

from notes.models import Note


class Notes(APITestCase):
    def setUp(self) -> None:
        users = get_user_model().objects
        self.alice = users.create_user("alice")
        self.bob = users.create_user("bob")
        self.be(self.alice)

    def be(self, user) -> None:
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")

    def test_a_note_can_be_created_listed_and_deleted(self) -> None:
        created = self.client.post("/api/notes/", {"text": "milk"}, format="json")
        self.assertEqual(created.status_code, 201)
        note = created.json()
        self.assertEqual(note["text"], "milk")
        self.assertEqual(self.client.get("/api/notes/").json(), [note])
        self.assertEqual(self.client.delete(f"/api/notes/{note['id']}/").status_code, 204)
        self.assertEqual(self.client.get("/api/notes/").json(), [])

    def test_notes_of_others_do_not_exist(self) -> None:
        note = Note.objects.create(owner=self.alice, text="secret plan")
        self.be(self.bob)
        self.assertEqual(self.client.get("/api/notes/").json(), [])
        self.assertEqual(self.client.delete(f"/api/notes/{note.id}/").status_code, 404)
        self.assertTrue(Note.objects.filter(id=note.id).exists())

    def test_an_empty_note_is_refused(self) -> None:
        answer = self.client.post("/api/notes/", {"text": ""}, format="json")
        self.assertEqual(answer.status_code, 400)

    def test_strangers_have_no_notes(self) -> None:
        self.client.credentials()
        self.assertEqual(self.client.get("/api/notes/").status_code, 401)
